#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace backupctl::relay {

/// One scalar of hostile JSON. Integers beyond int64 arrive as double. A string_view is valid during the call alone.
using Value = std::variant<std::nullptr_t, bool, std::int64_t, double, std::string_view>;

/// The integer of a Value that is one, or `otherwise`.
std::int64_t integer_or(const Value& value, std::int64_t otherwise);

/// Receives JSON piece by piece, no tree being built, and gives up beyond a depth (X5). nlohmann's parser keeps its own stack
/// on the heap, so nesting cannot overflow ours.
class BoundedSax : public nlohmann::json_sax<nlohmann::json> {
 public:
  /// @param max_depth  arrays and objects in one another; deeper input fails
  explicit BoundedSax(std::size_t max_depth) : max_depth_(max_depth) {}

  bool null() final { return scalar(nullptr); }
  bool boolean(bool value) final { return scalar(value); }
  bool number_integer(std::int64_t value) final { return scalar(value); }
  bool number_unsigned(std::uint64_t value) final;
  bool number_float(double value, const std::string&) final { return scalar(value); }
  bool string(std::string& value) final { return scalar(std::string_view(value)); }
  bool binary(nlohmann::json::binary_t&) final { return false; }
  bool start_object(std::size_t) final { return open(false); }
  bool start_array(std::size_t) final { return open(true); }
  bool key(std::string& name) final;
  bool end_object() final { return close(); }
  bool end_array() final { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) final { return false; }

 protected:
  /// Arrays and objects that are open; 0 outside all.
  [[nodiscard]] std::size_t depth() const { return levels_.size(); }
  /// The key last seen in the object at a depth from 1 on; empty in an array.
  [[nodiscard]] std::string_view key_at(std::size_t depth) const { return levels_[depth - 1]; }

  /// The hooks; returning false ends parsing as failed. `on_open` comes after depth() rose, `on_close` before it falls.
  virtual bool on_value(const Value& value) = 0;
  virtual bool on_key(std::string_view) { return true; }
  virtual bool on_open(bool /*array*/) { return true; }
  virtual bool on_close() { return true; }
  /// After each piece of input, whatever it was.
  virtual void on_piece() {}

 private:
  bool scalar(const Value& value);
  bool open(bool array);
  bool close();

  std::size_t max_depth_;
  std::vector<std::string> levels_;
};

}  // namespace backupctl::relay
