#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "common/io.h"
#include "common/sha256.h"
#include "gate/lease/lease.h"
#include "gate/lease/store.h"

using namespace backupctl;
using lease::Lease;

namespace {

policy::Controller podmanctl() {
  policy::Controller controller;
  controller.name = "podmanctl";
  controller.kind = policy::ControllerKind::command;
  controller.stop = {"/usr/local/bin/podmanctl", "--stop", "{service}"};
  controller.start = {"/usr/local/bin/podmanctl", "--start", "{service}", "a b", ""};
  controller.status = {"/usr/local/bin/podmanctl", "--status", "{service}"};
  return controller;
}

policy::Controller planka() {
  policy::Controller controller;
  controller.name = "planka";
  controller.kind = policy::ControllerKind::podman;
  controller.containers = {"planka", "planka-db", "planka-job"};
  controller.user = "planka";
  return controller;
}

Lease some_lease() {
  return *lease::make("planka", "default", planka(), {"planka", "planka-db"}, policy::Seconds{7200}, policy::Seconds{300});
}

/// The text with its checksum made right again, as someone who edits it on purpose would.
std::string sealed(std::string text) {
  text.erase(text.rfind("sha256 "));
  return text + "sha256 " + to_hex(sha256(text)) + "\n";
}

std::string replaced(std::string text, std::string_view old_part, std::string_view new_part) {
  const std::size_t at = text.find(old_part);
  REQUIRE(at != std::string::npos);
  return text.replace(at, old_part.size(), new_part);
}

/// A state directory with an empty folder of leases, gone with the test.
class State {
 public:
  State() {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
    REQUIRE(::mkdir((path_ + "/leases").c_str(), 0700) == 0);
    fd_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    for (const char* name : {"/leases/planka", "/leases/planka.tmp", "/leases/n8n", "/leases/.hidden", "/elsewhere"})
      ::unlink((path_ + name).c_str());
    ::rmdir((path_ + "/leases/planka").c_str());
    ::rmdir((path_ + "/leases").c_str());
    ::rmdir(path_.c_str());
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::string at(const std::string& name) const { return path_ + "/" + name; }
  void put(const std::string& name, std::string_view bytes, mode_t mode = 0600) const {
    const UniqueFd file(::open(at(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    REQUIRE(write_all(file.get(), bytes));
    REQUIRE(::fchmod(file.get(), mode) == 0);
  }

 private:
  std::string path_ = "/tmp/backupctl-lease-XXXXXX";
  UniqueFd fd_;
};

}  // namespace

TEST_CASE("a lease comes back as it was, with all that a start needs") {
  for (const auto& controller : {podmanctl(), planka()}) {
    const auto made = lease::make("planka", "night", controller, {"planka"}, policy::Seconds{7200}, policy::Seconds{300});
    REQUIRE(made);
    const auto back = lease::parse(lease::serialize(*made));
    REQUIRE(back);
    CHECK(lease::serialize(*back) == lease::serialize(*made));
    CHECK(back->service == "planka");
    CHECK(back->client == "night");
    CHECK(back->boot_id.size() == 36);
    CHECK(back->deadline >= 7200'000'000'000);
    CHECK(back->controller.kind == controller.kind);
    CHECK(back->controller.user == controller.user);
    CHECK(back->controller.start == controller.start);
    CHECK(back->controller.status == controller.status);
    CHECK(back->units == service::Names{"planka"});
  }
}

TEST_CASE("the controller of a lease names what ran and nothing else (S2)") {
  const Lease made = some_lease();
  CHECK(made.controller.containers == service::Names{"planka", "planka-db"});
  CHECK(lease::parse(lease::serialize(made))->controller.containers == made.controller.containers);
}

TEST_CASE("a second stop adds what was started meanwhile, and forgets nothing") {
  Lease made = some_lease();
  lease::add_units(made, {"planka-db", "planka-job"});
  CHECK(made.units == service::Names{"planka", "planka-db", "planka-job"});
  CHECK(made.controller.containers == made.units);
}

TEST_CASE("a lease cut off at any byte is damaged") {
  const std::string whole = lease::serialize(some_lease());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const auto parsed = lease::parse(std::string_view(whole).substr(0, size));
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().exit == Exit::bad_data);
  }
  CHECK_FALSE(lease::parse(whole + "\n"));
}

TEST_CASE("a lease with any bit flipped is damaged") {
  const std::string whole = lease::serialize(some_lease());
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CAPTURE(bit);
    CHECK_FALSE(lease::parse(flipped));
  }
}

TEST_CASE("only the one spelling is a lease, even under a right checksum") {
  const std::string whole = lease::serialize(some_lease());
  REQUIRE(lease::parse(sealed(whole)));
  struct Row {
    const char *old_part, *new_part;
  };
  for (const Row& row :
       {Row{"backupctl-lease 1", "backupctl-lease 2"}, Row{"backupctl-lease 1", "backupctl-lease 1 "},
        Row{"service planka\n", ""}, Row{"service planka", "service ../planka"}, Row{"service planka", "service  planka"},
        Row{"kind podman", "kind lxc"}, Row{"kind podman", "kind"}, Row{"created 1", "created 01"},
        Row{"created 1", "created +1"}, Row{"deadline ", "deadline x"}, Row{"user planka", "user planka\nuser root"},
        Row{"unit planka\nunit planka-db\n", ""}, Row{"unit planka\n", "unit pla\tnka\n"},
        Row{"client default", "client default\nsurprise yes"}, Row{"user planka", "start x\nuser planka"}}) {
    CAPTURE(row.new_part);
    CHECK_FALSE(lease::parse(sealed(replaced(whole, row.old_part, row.new_part))));
  }
}

TEST_CASE("what cannot be recorded is not leased, so nothing is stopped") {
  policy::Controller controller = podmanctl();
  controller.start.emplace_back("two\nlines");
  CHECK(lease::make("n8n", "default", controller, {"n8n"}, policy::Seconds{1}, policy::Seconds{1}).error().exit ==
        Exit::bad_config);
  controller = podmanctl();
  controller.start = {"/bin/true\nstatus /bin/false"};  // would read back well-formed, as something else
  controller.status.clear();
  CHECK(lease::make("n8n", "default", controller, {"n8n"}, policy::Seconds{1}, policy::Seconds{1}).error().exit ==
        Exit::bad_config);
  controller = podmanctl();
  controller.start.emplace_back(lease::max_size, 'x');
  CHECK(lease::make("n8n", "default", controller, {"n8n"}, policy::Seconds{1}, policy::Seconds{1}).error().exit ==
        Exit::bad_config);
  CHECK(lease::make("n8n", "default", podmanctl(), {}, policy::Seconds{1}, policy::Seconds{1}).error().exit ==
        Exit::bad_config);
}

TEST_CASE("written, listed, read, ended") {
  const State state;
  CHECK(lease::list(state.fd())->empty());
  CHECK_FALSE(lease::read(state.fd(), "planka")->has_value());
  state.put("leases/planka.tmp", "left by a crash");
  REQUIRE(lease::write(state.fd(), some_lease()));
  struct stat st {};
  REQUIRE(::stat(state.at("leases/planka").c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0600);
  CHECK(::access(state.at("leases/planka.tmp").c_str(), F_OK) != 0);
  CHECK(*lease::list(state.fd()) == std::vector<std::string>{"planka"});
  const auto back = lease::read(state.fd(), "planka");
  REQUIRE(back);
  REQUIRE(back->has_value());
  CHECK((*back)->units == service::Names{"planka", "planka-db"});
  REQUIRE(lease::write(state.fd(), **back));  // a second stop
  REQUIRE(lease::remove(state.fd(), "planka"));
  CHECK(lease::remove(state.fd(), "planka"));
  CHECK_FALSE(lease::read(state.fd(), "planka")->has_value());
}

TEST_CASE("what is no private regular file of ours is not believed, and the sentence says what to do (X7)") {
  const State state;
  const std::string whole = lease::serialize(some_lease());
  const auto check_unusable = [&] {
    const auto read = lease::read(state.fd(), "planka");
    REQUIRE_FALSE(read);
    CHECK(read.error().sentence.find("start it by hand") != std::string::npos);
    CHECK(*lease::list(state.fd()) == std::vector<std::string>{"planka"});  // and it is not overlooked
  };
  SUBCASE("a symbolic link") {
    state.put("elsewhere", whole);
    REQUIRE(::symlink("../elsewhere", state.at("leases/planka").c_str()) == 0);
    check_unusable();
  }
  SUBCASE("a second name") {
    state.put("elsewhere", whole);
    REQUIRE(::link(state.at("elsewhere").c_str(), state.at("leases/planka").c_str()) == 0);
    check_unusable();
  }
  SUBCASE("a FIFO, which does not make the gate wait") {
    REQUIRE(::mkfifo(state.at("leases/planka").c_str(), 0600) == 0);
    check_unusable();
  }
  SUBCASE("a directory") {
    REQUIRE(::mkdir(state.at("leases/planka").c_str(), 0700) == 0);
    check_unusable();
  }
  SUBCASE("readable by others") {
    state.put("leases/planka", whole, 0644);
    check_unusable();
  }
  SUBCASE("too long") {
    state.put("leases/planka", std::string(lease::max_size + 1, 'x'));
    check_unusable();
  }
  SUBCASE("empty") {
    state.put("leases/planka", "");
    check_unusable();
  }
  SUBCASE("another service's") {
    state.put("leases/planka", replaced(sealed(replaced(whole, "service planka", "service n8n")), "backupctl", "backupctl"));
    check_unusable();
  }
}

TEST_CASE("a folder of leases that others can write is not believed (X7)") {
  const State state;
  REQUIRE(lease::write(state.fd(), some_lease()));
  REQUIRE(::chmod(state.at("leases").c_str(), 0770) == 0);
  CHECK_FALSE(lease::read(state.fd(), "planka"));
  CHECK_FALSE(lease::list(state.fd()));
  CHECK_FALSE(lease::write(state.fd(), some_lease()));
}

TEST_CASE("a name is never a path") {
  const State state;
  for (const char* name : {"", ".", "..", "../elsewhere", "a/b", "planka.tmp", "Planka"}) {
    CHECK(lease::read(state.fd(), name).error().exit == Exit::bug);
    CHECK(lease::remove(state.fd(), name).error().exit == Exit::bug);
  }
}

TEST_CASE("a full disk while a lease is written leaves the old one and no rubbish (D8)") {
  const State state;
  REQUIRE(lease::write(state.fd(), some_lease()));
  Lease longer = some_lease();
  lease::add_units(longer, {"planka-job"});
  // A limit on file size stands in for the full disk: the write fails in the middle.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto written = lease::write(state.fd(), longer);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  REQUIRE_FALSE(written);
  CHECK(written.error().exit == Exit::io_error);
  CHECK(::access(state.at("leases/planka.tmp").c_str(), F_OK) != 0);
  CHECK((*lease::read(state.fd(), "planka"))->units.size() == 2);
}
