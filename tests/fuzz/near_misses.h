#pragma once

#include <random>
#include <string>
#include <vector>

#include "common/request.h"

namespace backupctl::test {

/// Lines that are nearly requests: tokens of the grammar and near misses in random order, now and then a changed byte.
/// Deterministic (mt19937 is the same everywhere; distributions are not, hence the remainders).
class NearMisses {
 public:
  std::string next() {
    std::string line = below(40) != 0 ? "backupctl" : pick();
    const VerbInfo& verb = verb_table()[below(verb_count)];
    line += " " + (below(20) != 0 ? std::string(verb.word) : pick());
    if (verb.name != NameKind::none && below(12) != 0) line += " " + pick(names_);
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const bool taken = (verb.options & (1U << i)) != 0;
      if (below(taken ? 2 : 30) == 0) line += " " + pick(pairs_[i]);
    }
    if (below(6) == 0) line += " " + pick();
    for (unsigned n = below(8) == 0 ? below(3) : 0; n > 0; --n) mutate(line);
    return line;
  }
  unsigned below(std::size_t limit) { return static_cast<unsigned>(random_() % limit); }

 private:
  using Words = std::vector<std::string>;
  std::string pick(const Words& words) { return words[below(words.size())]; }
  std::string pick() { return pick(words_); }
  void mutate(std::string& line) {
    const std::size_t at = below(line.size());
    switch (below(4)) {
      case 0:
        line.erase(at, 1);
        break;
      case 1:
        line.insert(at, 1, static_cast<char>(below(256)));
        break;
      case 2:
        line[at] = static_cast<char>(below(256));
        break;
      default:
        line.insert(at, 1, ' ');
        break;
    }
    if (line.empty()) line = " ";
  }

  std::mt19937 random_{20260628};
  Words names_{"vaultwarden", "a", "0", "n8n-x_y", "A", "-a", "www", ""};
  std::vector<Words> pairs_{{"--path /a/b", "--path /", "--path a", "--path"},
                            {"--remote r:/f", "--remote One:f:g", "--remote :f", "--remote r:", "--remote r"},
                            {"--keep-weekly 3", "--keep-weekly 0", "--keep-weekly 03"},
                            {"--keep-monthly 12", "--keep-monthly 999999", "--keep-monthly 1000000"},
                            {"--timeout 1", "--timeout 3600", "--timeout 0", "--timeout +1"},
                            {"--snapshot-id 20260628-031500", "--snapshot-id 20240229-235959", "--snapshot-id 20260628-240000"},
                            {"--json"}};
  Words words_{"--json", "--stop", "--restore", "x", "--", "-", "--timeout", "--path=/a", "--json --json", "backupctl"};
};

}  // namespace backupctl::test
