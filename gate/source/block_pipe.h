#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "common/result.h"
#include "common/sha256.h"
#include "gate/source/codec.h"

namespace backupctl::archive {

/// Bytes in; blocks compressed in parallel; one file out, hashed in the same pass. The caller fills a block in place, workers
/// compress full blocks, one writer puts them out in order. Memory is (threads + 3) blocks and what they become, and the
/// encoders: nothing grows with the data.
class BlockPipe {
 public:
  struct Totals {
    std::uint64_t bytes = 0;  ///< written to the file
    Digest digest{};          ///< SHA-256 of them
  };

  /// @param threads  workers, at least 1. @param out  file to write to; not owned. Error: no memory, no threads.
  static Result<std::unique_ptr<BlockPipe>> open(const Codec& codec, int level, unsigned threads, int out);
  ~BlockPipe();
  BlockPipe(const BlockPipe&) = delete;
  BlockPipe& operator=(const BlockPipe&) = delete;

  /// Where the next bytes belong; never empty. Waits while every block is busy.
  std::span<char> space();
  /// The first `size` bytes of space() are there. False when the output has failed; finish() says how.
  bool commit(std::size_t size);
  /// Copies bytes in.
  bool write(std::span<const char> bytes);
  /// The error that stopped the output so far, if any.
  Result<> check();
  /// Compresses what is left, waits for everything to be written. Error: Exit::io_error and the file's fault.
  Result<Totals> finish();

 private:
  struct Slot {
    std::unique_ptr<char[]> in, out;
    std::size_t in_size = 0, out_size = 0;
    enum class State : std::uint8_t { empty, full, packed } state = State::empty;
  };

  BlockPipe(const Codec& codec, int out) : codec_(codec), out_(out) {}
  Slot& slot(std::uint64_t i) { return slots_[i % slots_.size()]; }
  bool submit();
  void pack(Encoder& encoder);
  void put_out();
  void fail_with(Error error);

  const Codec& codec_;
  int out_;
  std::vector<Slot> slots_;
  std::size_t filled_bytes_ = 0;  ///< of the block that the caller is filling; his thread's alone
  std::mutex mutex_;
  std::condition_variable emptied_, filled_, packed_;
  std::uint64_t filling_ = 0, packing_ = 0, writing_ = 0;  ///< block numbers; all below have passed that stage
  bool closed_ = false, failed_ = false;
  Error error_;
  Totals totals_;
  Sha256 hash_;
  std::vector<std::jthread> threads_;
};

}  // namespace backupctl::archive
