#include <doctest/doctest.h>
#include <libdeflate.h>
#include <zstd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "gate/source/block_pipe.h"
#include "tests/unit/tree_fixture.h"

using namespace backupctl;
using namespace backupctl::archive;

namespace {

std::string sample(std::size_t size) {
  std::string bytes;
  unsigned state = 1;
  while (bytes.size() < size) {
    state = state * 1664525U + 1013904223U;
    bytes += std::to_string(state >> 20);
  }
  bytes.resize(size);
  return bytes;
}

std::string unpack(const std::string& packed, std::string_view format, std::size_t size) {
  std::string plain(size + 1, '\0');
  if (format == "tar.zst") {
    plain.resize(ZSTD_decompress(plain.data(), plain.size(), packed.data(), packed.size()));
    return plain;
  }
  libdeflate_decompressor* d = libdeflate_alloc_decompressor();
  std::size_t in = 0, out = 0;
  while (in < packed.size()) {
    std::size_t used = 0, made = 0;
    REQUIRE(libdeflate_gzip_decompress_ex(d, packed.data() + in, packed.size() - in, plain.data() + out, plain.size() - out,
                                          &used, &made) == LIBDEFLATE_SUCCESS);
    in += used;
    out += made;
  }
  libdeflate_free_decompressor(d);
  plain.resize(out);
  return plain;
}

}  // namespace

TEST_CASE("what goes in comes out, hashed, whatever the pieces and threads") {
  for (const char* format : {"tar.gz", "tar.zst"}) {
    const Codec& codec = *find_codec(format);
    std::string first;
    for (const unsigned threads : {1U, 4U}) {
      const std::string bytes = sample(codec.block * 7 + 123);
      const TestTree tree;
      const UniqueFd out(::open(tree.at("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      auto pipe = BlockPipe::open(codec, codec.level, threads, out.get());
      REQUIRE(pipe.has_value());
      for (std::size_t at = 0, piece = 1; at < bytes.size(); at += piece, piece = piece * 3 % 500009 + 1) {
        piece = std::min(piece, bytes.size() - at);
        REQUIRE((*pipe)->write({bytes.data() + at, piece}));
      }
      const auto totals = (*pipe)->finish();
      REQUIRE(totals.has_value());
      std::ifstream file(tree.at("out"), std::ios::binary);
      const std::string packed((std::istreambuf_iterator<char>(file)), {});
      CHECK(totals->bytes == packed.size());
      CHECK(totals->digest == sha256(packed));
      CHECK(unpack(packed, format, bytes.size()) == bytes);
      if (first.empty()) first = packed;
      CHECK(packed == first);
    }
  }
}

TEST_CASE("a full disk ends it with its reason (D8)") {
  const Codec& codec = *find_codec("tar.gz");
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  auto pipe = BlockPipe::open(codec, 1, 2, full.get());
  REQUIRE(pipe.has_value());
  const std::string bytes = sample(codec.block);
  bool good = true;
  for (int i = 0; i < 50 && good; ++i) good = (*pipe)->write(bytes);
  CHECK_FALSE(good);
  const auto totals = (*pipe)->finish();
  REQUIRE_FALSE(totals.has_value());
  CHECK(totals.error().exit == Exit::io_error);
  CHECK(totals.error().sentence.find("No space left") != std::string::npos);
}

TEST_CASE("a pipe that is given up ends its threads") {
  const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  auto pipe = BlockPipe::open(*find_codec("tar.zst"), 1, 4, null.get());
  REQUIRE(pipe.has_value());
  CHECK((*pipe)->write(sample(std::size_t{9} << 20)));
}
