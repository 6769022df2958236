#include "gate/step/dump_postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/io.h"
#include "gate/step/dump_file.h"
#include "gate/step/postgres_client.h"

namespace backupctl::step {
namespace {

/// zlib's level: 1 costs pg_dump a third of the processor time of its own 6 for 7 % more bytes (608 MB of numbers, text and
/// hexadecimal: 3.6 and 9.5 s, 84.8 and 79.3 MB), and pg_dump compresses on one processor, for which everything waits.
constexpr int compression = 1;

}  // namespace

Result<TreeRead> dump_postgres(Context& context, const policy::Service& service, state::Spool& spool) {
  auto client = PostgresClient::open(context, service);
  if (!client) return pass(client.error());
  UniqueFd archive = open_beneath(spool.fd(), "archive", O_RDWR | O_CREAT | O_EXCL, 0600);
  if (!archive) return fail_errno(Exit::io_error, errno, "cannot write in {}; {}", spool.path(), nothing_sent);
  context.output.step(fmt::format("dumping the database {}", service.postgres.database));
  const std::string own;
  const auto dumped = client->run("pg_dump", {"--format=custom", fmt::format("--compress={}", compression), "--no-password"},
                                  &own, {.out = archive.get()});
  if (!dumped) return pass(dumped.error());
  if (dumped->status != 0) return pass(client->error(*dumped, "dump", nothing_sent));
  for (const std::string& word : dumped->words) context.output.note(word, true);

  TreeRead read;
  const auto rewind = [&] { return ::lseek(archive.get(), 0, SEEK_SET) == 0; };
  if (!rewind()) return fail_errno(Exit::io_error, errno, "cannot read the dump; {}", nothing_sent);
  const auto listed =
      client->run("pg_restore", {"--list"}, nullptr, {.in = archive.get(), .listener = {"dump-contents", "", ""}});
  if (!listed) return pass(listed.error());
  read.members = listed->listened.number[0];
  if (listed->status != 0 || read.members == 0)
    return fail(Exit::bad_data, "pg_restore does not read what pg_dump wrote of {} ({}); {}", service.name,
                listed->words.empty() ? "no contents" : listed->words.front(), nothing_sent);
  if (listed->listened.number[1] == 0)
    return fail(Exit::bad_data,
                "the database {} of {} holds no table; {}; if that is meant, take the service out of the policy",
                service.postgres.database, service.name, nothing_sent);
  if (auto described = describe_dump(context, spool, read); !described) return pass(described.error());
  return read;
}

}  // namespace backupctl::step
