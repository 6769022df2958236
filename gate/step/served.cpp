#include "gate/step/served.h"

#include <fmt/ranges.h>

namespace backupctl::step {

bool Served::take(const Error& error) {
  const bool graver = fault_ && fault_->exit != Exit::bad_data && error.exit == Exit::bad_data;
  if (fault_) context_.output.note(graver ? fault_->sentence : error.sentence, true);
  if (!fault_ || graver) fault_ = error;
  return context_.session.over();
}

Error Served::error() const {
  if (names_.empty()) return *fault_;
  return {fault_->exit, fmt::format("{}; served were {}", fault_->sentence, fmt::join(names_, ", "))};
}

Result<> ask_remotes(Context& context, const std::vector<std::string>& remotes,
                     const std::function<Result<bool>(RemoteFiles&)>& look) {
  Served served(context);
  bool found = false;
  const auto ask = [&](const policy::Remote& remote) -> Result<> {
    auto files = RemoteFiles::open(context, remote);
    if (!files) return pass(files.error());
    const auto looked = look(*files);
    if (!looked) return pass(looked.error());
    found = *looked;
    return files->close();
  };
  for (const std::string& name : remotes)
    if (auto asked = ask(context.policy.remotes.at(name)); !asked && served.take(asked.error())) return pass(asked.error());
  if (!served.fault()) return {};
  if (!found) return pass(served.error());
  context.output.note(served.error().sentence + "; another remote is used", true);
  return {};
}

}  // namespace backupctl::step
