#include "gate/operator/operator.h"

namespace backupctl::operate {

Exit restore(const std::string&, const Args&) { return Exit::bug; }

}  // namespace backupctl::operate
