#include "gate/relay/bounded_sax.h"

#include <limits>

namespace backupctl::relay {

std::int64_t integer_or(const Value& value, std::int64_t otherwise) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  return integer != nullptr ? *integer : otherwise;
}

bool BoundedSax::number_unsigned(std::uint64_t value) {
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value > largest) return scalar(static_cast<double>(value));
  return scalar(static_cast<std::int64_t>(value));
}

bool BoundedSax::scalar(const Value& value) {
  on_piece();
  return on_value(value);
}

bool BoundedSax::key(std::string& name) {
  on_piece();
  levels_.back() = name;
  return on_key(name);
}

bool BoundedSax::open(bool array) {
  on_piece();
  if (levels_.size() >= max_depth_) return false;
  levels_.emplace_back();
  return on_open(array);
}

bool BoundedSax::close() {
  on_piece();
  const bool go_on = on_close();
  levels_.pop_back();
  return go_on;
}

}  // namespace backupctl::relay
