#include "gate/service/kinds.h"

namespace backupctl::service {
namespace {

/// A service without a controller has nothing that could be stopped: every verb succeeds at once.
Result<ServiceState> query_none(const policy::Controller&, std::string_view, const Runner&, std::optional<bool>) {
  return ServiceState{};
}

Result<> do_nothing(const policy::Controller&, std::string_view, const Names&, Seconds, const Runner&) { return {}; }

}  // namespace

const Kind none_kind{policy::ControllerKind::none, "none", query_none, do_nothing, do_nothing};

}  // namespace backupctl::service
