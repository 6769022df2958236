#include <doctest/doctest.h>

#include "gate/remote/standstill.h"

using backupctl::Record;
using backupctl::remote::Standstill;

namespace {

Record figures(decltype(Record::number) numbers) {
  Record record;
  record.kind = Record::Kind::progress;
  record.number = numbers;
  return record;
}

}  // namespace

TEST_CASE("X5: figures that stay the same for 15 minutes are a standstill, whatever rate and time left say") {
  Standstill standstill;
  const Standstill::Clock::time_point start{};
  CHECK_FALSE(standstill.reached(figures({10, 20, 5, 2, 1, 1, 0, 0}), start));
  CHECK_FALSE(standstill.reached(figures({10, 20, 4, 3, 1, 1, 0, 0}), start + Standstill::longest - std::chrono::seconds(1)));
  CHECK(standstill.reached(figures({10, 20, 0, -1, 1, 1, 0, 0}), start + Standstill::longest));
}

TEST_CASE("a byte, a file to send, a transfer, a comparison or a deletion is none") {
  for (const std::size_t moved : {0U, 1U, 4U, 5U, 6U}) {
    CAPTURE(moved);
    Standstill standstill;
    const Standstill::Clock::time_point start{};
    Record record = figures({10, 20, 5, 2, 1, 1, 0, 0});
    CHECK_FALSE(standstill.reached(record, start));
    ++record.number[moved];
    CHECK_FALSE(standstill.reached(record, start + Standstill::longest));
    CHECK_FALSE(standstill.reached(record, start + 2 * Standstill::longest - std::chrono::seconds(1)));
    CHECK(standstill.reached(record, start + 2 * Standstill::longest));
  }
}
