#include "gate/manifest/manifest.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <vector>

#include "common/escape.h"
#include "common/io.h"
#include "gate/manifest/signature.h"

namespace backupctl::manifest {
namespace {

std::string utc(std::int64_t unix_seconds) {
  const std::chrono::sys_seconds instant{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(instant);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(instant - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), time.hours().count(), time.minutes().count(), time.seconds().count());
}

std::string probes_object(const std::map<std::string, std::string>& probes) {
  std::string out = "{";
  for (const auto& [name, value] : probes)
    out += fmt::format("{}{}:{}", out.size() > 1 ? "," : "", json_string(name), json_string(value));
  return out + "}";
}

/// Writes lines as array elements: the comma of a line is held back until another line follows.
class Elements {
 public:
  Result<> copy(int from, int to) {
    std::vector<char> in(1 << 17);
    std::string out;
    for (;;) {
      const ssize_t n = ::read(from, in.data(), in.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_errno(Exit::io_error, errno, "cannot read the list of files for the manifest");
      if (n == 0) return open_ || held_ ? write_all(to, "\n") : Result<>{};
      out.clear();
      append(std::string_view(in.data(), static_cast<std::size_t>(n)), out);
      if (auto written = write_all(to, out); !written) return written;
    }
  }

 private:
  void append(std::string_view bytes, std::string& out) {
    while (!bytes.empty()) {
      if (held_) out += ",\n";
      const std::size_t end = bytes.find('\n');
      held_ = end != std::string_view::npos;
      open_ = !held_;
      out += bytes.substr(0, end);
      bytes.remove_prefix(held_ ? end + 1 : bytes.size());
    }
  }

  bool held_ = false;  ///< a line has ended, and what comes after it is not yet known
  bool open_ = false;  ///< bytes of a line that has not ended
};

}  // namespace

Result<std::string> signed_object(const Manifest& m) {
  const bool stopped = m.downtime_seconds && std::isfinite(*m.downtime_seconds);
  std::string out = fmt::format(R"({{"schema":{},"service":{},"host":{},"archive":{},"source":{},"format":{},)", schema,
                                json_string(m.service), json_string(m.host), json_string(m.archive), json_string(m.source),
                                json_string(m.format));
  out += fmt::format(R"("compression":{},"encrypted":{},"created":"{}","date":{},"size":{},"sha256":"{}",)",
                     json_string(m.compression), m.encrypted, utc(m.created), json_string(m.date), m.size, to_hex(m.sha256));
  out += fmt::format(R"("members":{},"source_bytes":{},"files_count":{},"files_sha256":"{}","status":"{}",)", m.members,
                     m.source_bytes, m.files_count, to_hex(m.files_sha256),
                     m.adopted    ? "adopted"
                     : m.complete ? "complete"
                                  : "incomplete");
  if (m.left_out > 0) out += fmt::format(R"("left_out":{},)", m.left_out);
  out += fmt::format(R"("consistency":{},"downtime_seconds":{},"probes":{},)", json_string(m.consistency),
                     stopped ? fmt::format("{:.3f}", *m.downtime_seconds) : "null", probes_object(m.probes));
  out += fmt::format(R"("tool":{{"name":{},"version":{}}},"policy_sha256":"{}","journal_head":{}}})", json_string(m.tool_name),
                     json_string(m.tool_version), to_hex(m.policy_sha256), json_string(m.journal_head));
  if (out.size() > max_signed)
    return fail(Exit::bug, "the manifest of {} would be longer than {} bytes: shorten the output of its probes", m.archive,
                max_signed);
  return out;
}

Result<> assemble(int out_fd, std::string_view signed_json, std::string_view signature_line, int files_fd) {
  if (signature_line.size() != signature_line_size || signature_line.back() != '\n')
    return fail(Exit::bug, "the signer did not answer with a signature line");
  const std::string head = fmt::format("{}{},\n{}{}\n", signed_prefix, signed_json, signature_line, files_line);
  if (auto written = write_all(out_fd, head); !written) return written;
  if (auto copied = Elements().copy(files_fd, out_fd); !copied) return copied;
  return write_all(out_fd, fmt::format("{}\n", last_line));
}

}  // namespace backupctl::manifest
