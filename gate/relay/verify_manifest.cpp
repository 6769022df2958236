#include "gate/relay/verify_manifest.h"

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "common/escape.h"
#include "common/io.h"
#include "gate/manifest/manifest.h"
#include "gate/manifest/signature.h"
#include "gate/relay/hash.h"
#include "gate/relay/line_reader.h"
#include "gate/relay/relay.h"
#include "gate/relay/signed_object.h"
#include "gate/relay/trusted_keys.h"

namespace backupctl::relay {
namespace {

/// Longest line of "files": a path and its extended attributes, escaped (xattr(7): 64 KiB a value).
constexpr std::size_t max_line = 16 << 20;

/// Most volumes of a snapshot.
constexpr std::size_t max_archives = 1000;
/// Longest line that describes one.
constexpr std::size_t max_archive_line = 4096;
constexpr std::uint64_t max_count = std::uint64_t{1} << 60;  ///< of bytes or members: sums of them fit

/// A line of a snapshot's list: an archive, or nothing.
std::optional<Record> parse_archive(std::string_view line) {
  if (line.size() > max_archive_line) return std::nullopt;
  const auto json = nlohmann::json::parse(line, nullptr, false);
  const auto has_text = [&](const char* key) { return json.contains(key) && json[key].is_string(); };
  const auto has_count = [&](const char* key) {
    return json.contains(key) && json[key].is_number_unsigned() && json[key].get<std::uint64_t>() <= max_count;
  };
  if (!json.is_object() || !has_text("archive") || !has_text("sha256") || !has_count("size") || !has_count("members") ||
      !has_count("source_bytes"))
    return std::nullopt;
  const auto& name = json["archive"].get_ref<const std::string&>();
  const auto digest = parse_digest(json["sha256"].get_ref<const std::string&>());
  // Engine's names of volumes: nothing that leads anywhere.
  const bool plain =
      !name.empty() && name[0] != '.' && name.size() < 300 &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == std::string::npos;
  if (!digest || !plain) return std::nullopt;
  Record record;
  record.kind = Record::Kind::entry;
  record.set_text(name);
  record.number[0] = json["size"].get<std::int64_t>();
  record.number[3] = 1;
  record.number[4] = json["members"].get<std::int64_t>();
  record.number[5] = json["source_bytes"].get<std::int64_t>();
  record.digest = *digest;
  return record;
}

Record probe_record(const std::string& name, const std::string& output) {
  Record record;
  record.kind = Record::Kind::entry;
  record.set_text(name + "=" + output);
  record.number[3] = 2;
  record.digest = sha256(output);
  return record;
}

class Verifier {
 public:
  Verifier(int fd, std::string_view archive) : reader_(fd, max_line), archive_(archive) {}

  /// The error of a failed check: which, of which manifest, what it means.
  [[nodiscard]] tl::unexpected<Error> reject(std::string_view why) const {
    return fail(Exit::bad_data,
                "the manifest of {} was not accepted: {}; the archive does not count as a backup and is not used",
                escape_line(archive_, 256), why);
  }

  /// Lines 1 and 2, checked before any JSON is parsed. @return the value of "signed"
  Result<std::string> signed_part(const TrustedKeys& keys) {
    LineReader::Line line;
    if (auto more = read(line); !more) return pass(more.error());
    const auto prefix = manifest::signed_prefix;
    if (!line.text.starts_with(prefix) || !line.text.ends_with("},") ||
        line.text.size() > prefix.size() + manifest::max_signed + 1)
      return reject("its first line is not laid out as one");
    const std::string value(line.text.substr(prefix.size(), line.text.size() - prefix.size() - 1));
    if (auto more = read(line); !more) return pass(more.error());
    const auto signature = manifest::parse_signature_line(line.text);
    if (!signature) return reject("its second line is no Ed25519 signature");
    const auto key = keys.find(signature->key_id);
    if (!key)
      return reject("it is signed with key " + signature->key_id +
                    ", which this host does not trust (if another host of yours wrote it, put its host.pub into trusted.d)");
    if (!is_signed_by(*key, signature->signature, value)) return reject("its signature is wrong, so it was changed");
    return value;
  }

  /// The rest: the list of files, counted and hashed as the reader wrote it.
  /// @param on_line  gets each line; false: it is not laid out as one
  Result<> files(const manifest::Manifest& expected, const std::function<bool(std::string_view)>& on_line) {
    LineReader::Line line;
    if (auto more = read(line); !more) return more;
    if (line.text != manifest::files_line) return reject("its list of files does not begin on line 3");
    Sha256 sum;
    std::int64_t count = 0;
    for (bool comma = true;; ++count) {  // whether another line may follow
      if (auto more = read(line); !more) return more;
      if (line.text == manifest::last_line && (count == 0 || !comma)) break;
      if (!comma || !line.text.starts_with('{')) return reject("its list of files is not laid out as one");
      comma = line.text.ends_with(',');
      if (comma) line.text.remove_suffix(1);
      if (!on_line(line.text)) return reject("its list of files is not laid out as one");
      sum.update(line.text);
      sum.update("\n");
    }
    if (count != expected.files_count || sum.finish() != expected.files_sha256)
      return reject("its list of files is not the one that was signed");
    const auto more = reader_.next(line);
    if (!more) return pass(more.error());
    return *more ? reject("something follows its end") : Result<>{};
  }

 private:
  /// A whole line, or the reason why there is none.
  Result<> read(LineReader::Line& line) {
    const auto more = reader_.next(line);
    if (!more) return pass(more.error());
    if (!*more || !line.ended) return reject("it is cut off");
    if (line.cut) return reject("one of its lines is too long");
    return {};
  }

  LineReader reader_;
  std::string_view archive_;
};

/// @param volumes  it is to be of a snapshot of volumes
Result<Record> verify(const Channels& channels, std::span<const std::string> args, bool volumes) {
  const std::string& service = args[0];
  const std::string& archive = args[1];
  const auto pem = read_all(channels.extra, max_trusted_keys);
  if (!pem) return pass(pem.error());
  const auto keys = TrustedKeys::parse(*pem);
  if (!keys) return pass(keys.error());

  Verifier verifier(channels.in, archive);
  const auto value = verifier.signed_part(*keys);
  if (!value) return pass(value.error());
  const auto parsed = parse_signed(*value);
  if (!parsed) return verifier.reject(parsed.error().sentence);
  if (parsed->service != service) return verifier.reject("it belongs to the service " + escape_line(parsed->service, 64));
  if (parsed->archive != archive) return verifier.reject("it belongs to the archive " + escape_line(parsed->archive, 256));
  if (volumes != (parsed->source == "volumes")) return verifier.reject("it is of another kind of backup");
  std::vector<Record> archives;
  const auto on_line = [&](std::string_view line) {
    // Of a dump: what lies beside it.
    if (!volumes && parsed->source != "postgres") return true;
    const auto one = parse_archive(line);
    if (one) archives.push_back(*one);
    return one && archives.size() <= max_archives;
  };
  if (auto listed = verifier.files(*parsed, on_line); !listed) return pass(listed.error());
  for (const Record& one : archives) send_record(channels.report, one);
  if (volumes)
    for (const auto& [name, output] : parsed->probes) send_record(channels.report, probe_record(name, output));

  Record list;
  list.kind = Record::Kind::entry;
  list.set_text("files.jsonl");
  list.number[1] = parsed->files_count;
  list.digest = parsed->files_sha256;
  send_record(channels.report, list);
  Record record;
  record.set_text(parsed->archive);
  record.digest = parsed->sha256;
  record.number[0] = parsed->size;
  record.number[1] = parsed->created;
  record.number[2] = parsed->complete ? 1 : 0;
  record.number[3] = parsed->members;
  record.number[4] = parsed->source_bytes;
  record.number[5] = parsed->downtime_seconds ? std::llround(*parsed->downtime_seconds * 1000) : -1;
  record.number[6] = parsed->adopted ? 1 : 0;
  record.number[7] = parsed->consistency == "hot" ? 1 : 0;
  record.number[8] = parsed->left_out;
  return record;
}

}  // namespace

Result<Record> verify_manifest(const Channels& channels, std::span<const std::string> args) {
  return verify(channels, args, false);
}

Result<Record> verify_snapshot(const Channels& channels, std::span<const std::string> args) {
  return verify(channels, args, true);
}

}  // namespace backupctl::relay
