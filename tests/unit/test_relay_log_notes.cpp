#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "common/record.h"
#include "common/unique_fd.h"
#include "gate/relay/log_notes.h"

using namespace backupctl;

namespace {

std::vector<std::string> notes_of(const std::vector<std::string>& lines) {
  const UniqueFd report(::memfd_create("report", MFD_CLOEXEC));
  relay::LogNotes notes(report.get());
  for (const std::string& line : lines) notes.take(relay::parse_log_line(line));
  notes.finish();
  ::lseek(report.get(), 0, SEEK_SET);
  std::vector<std::string> texts;
  for (Record record; ::read(report.get(), &record, sizeof record) == sizeof record;) texts.emplace_back(record.view());
  return texts;
}

}  // namespace

TEST_CASE("of Azure's error over many lines the user gets the one that says it") {
  // As rclone 1.60 logs what azure-storage-blob-go says.
  CHECK(notes_of({R"({"level":"error","msg":"Failed to copy: -> github.com/Azure/azure-storage-blob-go, newStorageError"})",
                  "===== RESPONSE ERROR (ServiceCode=AuthenticationFailed) =====", "Description=Server failed to authenticate",
                  ", Details: (none)", "   PUT https://account.blob.example/c/a?comp=block",
                  "   Authorization: SharedKey account:x",
                  "   --------------------------------------------------------------------------------",
                  "   RESPONSE Status: 403 Server failed to authenticate the request."}) ==
        std::vector<std::string>{"Failed to copy: -> github.com/Azure/azure-storage-blob-go, newStorageError",
                                 "403 Server failed to authenticate the request."});
}

TEST_CASE("a plain line that stands for itself is passed on; what is only information is not") {
  CHECK(notes_of({"panic: runtime error", R"x({"level":"info","msg":"Copied (new)","object":"a"})x",
                  R"({"level":"notice","msg":"Config file not found"})"}) ==
        std::vector<std::string>{"panic: runtime error", "Config file not found"});
}

TEST_CASE("a log without end is bounded") {
  const auto texts = notes_of(std::vector<std::string>(relay::LogNotes::max_notes + 7, "panic: again"));
  REQUIRE(texts.size() == static_cast<std::size_t>(relay::LogNotes::max_notes) + 1);
  CHECK(texts.back() == "rclone said 7 more lines, left out here");
}
