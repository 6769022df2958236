#include "version.h"

#include "gate/step/step.h"

namespace backupctl::step {

Result<Report> version(Context& context, const policy::Plan&) {
  if (context.output.json()) {
    context.output.json_line(fmt::format(R"({{"schema":1,"type":"version","name":"backupctl","version":"{}"}})", version_text));
  } else {
    context.output.text(fmt::format("backupctl {}", version_text));
  }
  return Report{};
}

}  // namespace backupctl::step
