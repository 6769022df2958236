#pragma once

#include <string>
#include <vector>

#include "common/result.h"

/// The command line of a person on the host (wire.md, "The operator, on the host").
namespace backupctl::operate {

/// Everything but --ssh-gate. @param args  without the program's name. @return the exit status
int main(const std::vector<std::string>& args);

using Args = std::vector<std::string>;

/// The host-only commands, one file each. @param args  what follows the command's own word.
Exit adopt(const std::string& policy_path, const Args& args);
Exit check(const std::string& policy_path, const Args& args);
Exit check_policy(const std::string& policy_path, const Args& args);
Exit drill(const std::string& policy_path, const Args& args);
Exit explain(const std::string& policy_path, const Args& args);
Exit preview_retention(const std::string& policy_path, const Args& args);
Exit verify_journal(const std::string& policy_path, const Args& args);
Exit guardian(const std::string& policy_path, const Args& args);
Exit recover_plan(const std::string& policy_path, const Args& args);
Exit recover(const std::string& policy_path, const Args& args);
Exit restore(const std::string& policy_path, const Args& args);
Exit restore_commit(const std::string& policy_path, const Args& args);
Exit restore_rollback(const std::string& policy_path, const Args& args);
/// A verb of the command language, in its own grammar, plus --replace behind --archive NAME and --backup NAME.
Exit run_verb(const std::string& policy_path, const Args& args);

/// Says the sentence on standard error. @return the Error's exit code
Exit complain(const Error& error);

}  // namespace backupctl::operate
