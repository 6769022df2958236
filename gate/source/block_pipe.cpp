#include "gate/source/block_pipe.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "common/io.h"

namespace backupctl::archive {

Result<std::unique_ptr<BlockPipe>> BlockPipe::open(const Codec& codec, int level, unsigned threads, int out) try {
  std::unique_ptr<BlockPipe> pipe(new BlockPipe(codec, out));
  pipe->slots_.resize(threads + 3);
  for (Slot& slot : pipe->slots_) {
    slot.in = std::make_unique_for_overwrite<char[]>(codec.block);
    slot.out = std::make_unique_for_overwrite<char[]>(codec.bound(codec.block));
  }
  for (unsigned i = 0; i < threads; ++i) {
    auto encoder = codec.make_encoder(level);
    if (encoder == nullptr) throw std::bad_alloc();
    pipe->threads_.emplace_back([p = pipe.get(), e = std::move(encoder)] { p->pack(*e); });
  }
  pipe->threads_.emplace_back([p = pipe.get()] { p->put_out(); });
  return pipe;
} catch (const std::exception& reason) {
  return fail(Exit::unavailable, "there is not enough memory or threads to compress the archive ({}); nothing was written",
              reason.what());
}

BlockPipe::~BlockPipe() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = failed_ = true;
  }
  filled_.notify_all();
  packed_.notify_all();
}

std::span<char> BlockPipe::space() {
  Slot& slot = this->slot(filling_);
  if (filled_bytes_ == 0) {
    std::unique_lock lock(mutex_);
    emptied_.wait(lock, [&] { return slot.state == Slot::State::empty; });
  }
  return {slot.in.get() + filled_bytes_, codec_.block - filled_bytes_};
}

bool BlockPipe::commit(std::size_t size) {
  filled_bytes_ += size;
  return filled_bytes_ < codec_.block || submit();
}

bool BlockPipe::write(std::span<const char> bytes) {
  bool good = true;
  while (good && !bytes.empty()) {
    const std::span<char> room = space();
    const std::size_t n = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), n);
    good = commit(n);
    bytes = bytes.subspan(n);
  }
  return good;
}

Result<> BlockPipe::check() {
  const std::lock_guard lock(mutex_);
  if (failed_) return pass(error_);
  return {};
}

Result<BlockPipe::Totals> BlockPipe::finish() {
  if (filled_bytes_ > 0) submit();
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  filled_.notify_all();
  packed_.notify_all();
  threads_.clear();  // joins
  if (failed_) return pass(error_);
  totals_.digest = hash_.finish();
  return totals_;
}

bool BlockPipe::submit() {
  const std::lock_guard lock(mutex_);
  Slot& slot = this->slot(filling_++);
  slot.in_size = std::exchange(filled_bytes_, 0);
  slot.state = Slot::State::full;
  filled_.notify_one();
  return !failed_;
}

void BlockPipe::pack(Encoder& encoder) {
  std::unique_lock lock(mutex_);
  for (;;) {
    filled_.wait(lock, [&] { return packing_ < filling_ || closed_; });
    if (packing_ == filling_) return;
    Slot& slot = this->slot(packing_++);
    const bool skip = failed_;
    lock.unlock();
    if (!skip) {
      slot.out_size = encoder.encode({slot.in.get(), slot.in_size}, {slot.out.get(), codec_.bound(codec_.block)});
    }
    lock.lock();
    if (!skip && slot.out_size == 0)
      fail_with({Exit::bug, "a block of the archive could not be compressed; this is a fault of backupctl"});
    slot.state = Slot::State::packed;
    packed_.notify_one();
  }
}

void BlockPipe::put_out() {
  std::unique_lock lock(mutex_);
  for (;; ++writing_) {
    packed_.wait(lock, [&] {
      return (writing_ < filling_ && slot(writing_).state == Slot::State::packed) || (closed_ && writing_ == filling_);
    });
    if (writing_ == filling_) return;
    Slot& slot = this->slot(writing_);
    if (!failed_) {
      lock.unlock();
      const std::string_view bytes(slot.out.get(), slot.out_size);
      hash_.update(bytes);
      const bool written = write_all(out_, bytes).has_value();
      const int code = errno;
      lock.lock();
      if (!written)
        fail_with({Exit::io_error,
                   fmt::format("the archive cannot be written to the spool: {}; nothing was archived, make room there",
                               errno_text(code))});
      totals_.bytes += bytes.size();
    }
    slot.state = Slot::State::empty;
    emptied_.notify_one();
  }
}

/// The mutex is held.
void BlockPipe::fail_with(Error error) {
  if (failed_) return;
  failed_ = true;
  error_ = std::move(error);
}

}  // namespace backupctl::archive
