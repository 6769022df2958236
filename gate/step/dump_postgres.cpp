#include "gate/step/dump_postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/io.h"
#include "gate/step/dump_file.h"
#include "gate/step/postgres_client.h"
#include "gate/step/postgres_globals.h"

namespace backupctl::step {
namespace {

/// zlib's level: 1 costs pg_dump a third of the processor time of its own 6 for 7 % more bytes (608 MB of numbers, text and
/// hexadecimal: 3.6 and 9.5 s, 84.8 and 79.3 MB), and pg_dump compresses on one processor, for which everything waits.
constexpr int compression = 1;
/// Since 17 pg_restore sets transaction_timeout, which servers before do not know.
constexpr int no_older_server = 17;

}  // namespace

Result<TreeRead> dump_postgres(Context& context, const policy::Service& service, state::Spool& spool) {
  auto client = PostgresClient::open(context, service);
  if (!client) return pass(client.error());
  if (auto met = client->meet("dump", nothing_sent); !met) return pass(met.error());
  if (client->programs().version >= no_older_server && client->server() < no_older_server)
    context.output.note(
        fmt::format("this host's programs are of PostgreSQL {}, and of what they dump nothing can be restored into "
                    "a server of {}, as this is: install postgresql-client-{}",
                    client->programs().version, client->server(), client->server()),
        true);
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
  if (listed->status != 0)
    return fail(Exit::bad_data, "pg_restore does not read what pg_dump wrote of {} ({}); {}", service.name,
                listed->words.empty() ? "it said nothing" : listed->words.front(), nothing_sent);
  if (listed->listened.number[1] == 0)
    return fail(Exit::bad_data,
                "the database {} of {} holds no table; {}; put the right name into postgres.database, or, if this one is "
                "meant, take the service "
                "out of the policy",
                service.postgres.database, service.name, nothing_sent);
  std::string beside;
  if (service.postgres.globals) {
    auto globals = dump_globals(context, *client, spool, read);
    if (!globals) return pass(globals.error());
    beside = std::move(*globals);
  }
  if (auto described = describe_dump(context, spool, read, beside); !described) return pass(described.error());
  return read;
}

}  // namespace backupctl::step
