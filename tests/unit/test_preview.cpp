#include <doctest/doctest.h>

#include <string>

#include "policy/preview.h"

using namespace backupctl;
using namespace backupctl::policy;

namespace {

PreviewOptions options(Keep keep, std::string service = "") {
  return {.today = *parse_date("2026-06-28"), .keep = keep, .service = std::move(service)};
}

}  // namespace

TEST_CASE("one line a name, in input order") {
  CHECK(*preview_retention(options({0, 1, 1}),
                           "n8n-2026-06-21.tar.gz\nnotes.txt\nn8n-2026-06-28.tar.gz\nn8n-2042-01-01.tar.gz") ==
        "delete\tn8n-2026-06-21.tar.gz\tno rule keeps it\n"
        "ignore\tnotes.txt\tnot an archive name\n"
        "keep\tn8n-2026-06-28.tar.gz\tnewest of week 2026-W26, newest of month 2026-06, newest of all\n"
        "keep\tn8n-2042-01-01.tar.gz\tdated after tomorrow: kept and not counted\n");
  CHECK(*preview_retention(options({0, 1, 0}, "a"), "a-2026-06-28.rdb\nb-2026-06-28.rdb\n") ==
        "keep\ta-2026-06-28.rdb\tnewest of week 2026-W26, newest of all\n"
        "ignore\tb-2026-06-28.rdb\tan archive of another service, b\n");
}

TEST_CASE("no names, no lines; an empty line is a name") {
  CHECK(preview_retention(options({0, 1, 0}), "")->empty());
  CHECK(*preview_retention(options({0, 1, 0}), "\n\n") == "ignore\t\tnot an archive name\nignore\t\tnot an archive name\n");
}

TEST_CASE("X10: hostile names cannot forge lines or columns") {
  CHECK(*preview_retention(options({0, 1, 0}), "a\tb\r\n\x1b[2J\xff\n") ==
        "ignore\ta\\x09b\\x0d\tnot an archive name\nignore\t\\x1b[2J\\xff\tnot an archive name\n");
  const std::string longest(5000, 'x');
  CHECK(preview_retention(options({0, 1, 0}), longest)->size() < 1100);
}

TEST_CASE("what makes no sense is a usage error") {
  CHECK(preview_retention(options({0, 0, 0}), "").error().exit == Exit::not_a_request);
  CHECK(preview_retention(options({0, 1, 0}, "../x"), "").error().exit == Exit::not_a_request);
}
