#include "gate/step/drill_record.h"

#include <time.h>
#include <unistd.h>

#include "common/escape.h"
#include "common/io.h"
#include "gate/journal/journal.h"
#include "gate/manifest/manifest.h"
#include "gate/step/helpers.h"

namespace backupctl::step {

Result<std::string> write_signed_record(Context& context, const std::string& folder, const std::string& kind,
                                        const std::string& key, const std::string& name, const std::string& members) {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  const std::time_t now = ::time(nullptr);
  struct tm utc {};
  ::gmtime_r(&now, &utc);
  char stamp[32];
  ::strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
  const std::string object = fmt::format(R"({{"schema":1,"kind":"{}","{}":{},"host":{},"when":{},{},"journal_head":{}}})", kind,
                                         key, json_string(name), json_string(host), static_cast<std::int64_t>(now), members,
                                         json_string(journal::head(context.state)));
  auto signature = sign(context, object);
  if (!signature) return pass(signature.error());
  const std::string path = context.state.at(fmt::format("{}/{}-{}.json", folder, name, stamp));
  if (auto written = write_file_durably(
          path, fmt::format("{}{},\n{}\"kind\":\"{}\"}}\n", manifest::signed_prefix, object, *signature, kind), 0600);
      !written)
    return pass(written.error());
  return path;
}

Result<std::string> write_record(Context& context, const DrillRecord& r) {
  const std::string members = fmt::format(
      R"("archive":{},"remote":{},"size":{},"sha256":"{}","files":{},"bytes":{},"compared":{},"fetch_seconds":{:.3f},"verify_seconds":{:.3f},"extract_seconds":{:.3f},"compare_seconds":{:.3f},"seconds":{:.3f},"result":"{}","text":{})",
      json_string(r.archive), json_string(r.remote), r.size, to_hex(r.sha256), r.files, r.bytes, r.compared, r.fetch, r.verify,
      r.extract, r.compare, r.all, r.fault.empty() ? "restorable" : "failed", json_string(r.fault));
  return write_signed_record(context, "drills", "drill", "service", r.service, members);
}

}  // namespace backupctl::step
