#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/request.h"
#include "policy/retention.h"

namespace backupctl::policy {
namespace {

constexpr std::array<std::string_view, 4> endings{".tar.gz", ".tar.zst", ".dump", ".rdb"};

/// NNNN-NN-NN, whether or not such a day exists.
bool looks_like_date(std::string_view text) {
  constexpr std::string_view shape = "0000-00-00";
  return std::equal(text.begin(), text.end(), shape.begin(), shape.end(),
                    [](char c, char s) { return s == '-' ? c == '-' : c >= '0' && c <= '9'; });
}

}  // namespace

std::span<const std::string_view> archive_endings() { return endings; }

std::string_view archive_ending(const Service& service) {
  switch (service.source) {
    case SourceKind::tree:
      return service.format == ArchiveFormat::tar_gz ? "tar.gz" : "tar.zst";
    case SourceKind::postgres:
      return "dump";
    case SourceKind::redis:
      return "rdb";
    case SourceKind::volumes:
    case SourceKind::bucket:
      return "";
  }
  return "";
}

bool is_of_kind(const Service& service, const ArchiveName& name) {
  // A tree's format may have been changed.
  if (service.source == SourceKind::tree) return name.ending.starts_with(".tar.");
  return name.ending.substr(1) == archive_ending(service);
}

tl::expected<ArchiveName, std::string> parse_archive_name(std::string_view name) {
  const auto no = [](std::string why) { return tl::make_unexpected(std::move(why)); };
  const auto* ending = std::find_if(endings.begin(), endings.end(), [&](std::string_view e) { return name.ends_with(e); });
  constexpr std::size_t date_size = 10;
  if (ending == endings.end() || name.size() < ending->size() + date_size + 2) return no("not an archive name");
  // From the end: a service's name may itself contain a date.
  const std::string_view stem = name.substr(0, name.size() - ending->size());
  const std::string_view day = stem.substr(stem.size() - date_size);
  const std::string_view service = stem.substr(0, stem.size() - date_size - 1);
  if (stem[service.size()] != '-' || !looks_like_date(day) || !is_name(service)) return no("not an archive name");
  const auto date = parse_date(day);
  if (!date) return no(fmt::format("not an archive name: there is no day {}", day));
  return ArchiveName{std::string(service), *date, *ending};
}

}  // namespace backupctl::policy
