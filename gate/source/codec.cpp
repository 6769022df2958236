#include "gate/source/codec.h"

#include <libdeflate.h>
#include <zstd.h>

#include <array>

namespace backupctl::archive {
namespace {

class GzipEncoder : public Encoder {
 public:
  explicit GzipEncoder(int level) : compressor_(libdeflate_alloc_compressor(level)) {}
  [[nodiscard]] bool ready() const { return compressor_ != nullptr; }
  std::size_t encode(std::span<const char> in, std::span<char> out) override {
    return libdeflate_gzip_compress(compressor_.get(), in.data(), in.size(), out.data(), out.size());
  }

 private:
  struct Free {
    void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
  };
  std::unique_ptr<libdeflate_compressor, Free> compressor_;
};

class ZstdEncoder : public Encoder {
 public:
  explicit ZstdEncoder(int level) : context_(ZSTD_createCCtx()) {
    if (context_ == nullptr) return;
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  }
  [[nodiscard]] bool ready() const { return context_ != nullptr; }
  std::size_t encode(std::span<const char> in, std::span<char> out) override {
    const std::size_t n = ZSTD_compress2(context_.get(), out.data(), out.size(), in.data(), in.size());
    return ZSTD_isError(n) != 0 ? 0 : n;
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

template <class T>
std::unique_ptr<Encoder> make(int level) {
  auto encoder = std::make_unique<T>(level);
  if (!encoder->ready()) return nullptr;
  return encoder;
}

std::size_t gzip_bound(std::size_t size) { return libdeflate_gzip_compress_bound(nullptr, size); }

// Blocks and levels as measured on 550 MB of libraries, headers and documentation (tests/bench).
constexpr std::array codecs{
    Codec{"tar.gz", std::size_t{1} << 20, 5, 1, 12, gzip_bound, make<GzipEncoder>},
    Codec{"tar.zst", std::size_t{4} << 20, 3, 1, 19, ZSTD_compressBound, make<ZstdEncoder>},
};

}  // namespace

const Codec* find_codec(std::string_view word) {
  for (const Codec& codec : codecs)
    if (codec.word == word) return &codec;
  return nullptr;
}

}  // namespace backupctl::archive
