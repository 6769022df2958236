#include "gate/step/restore_postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "gate/state/kept.h"
#include "gate/step/helpers.h"
#include "gate/step/in_place.h"
#include "gate/step/in_place_end.h"
#include "gate/step/postgres_database.h"
#include "gate/step/postgres_globals.h"
#include "gate/step/restore_server.h"
#include "gate/step/stored_archive.h"

namespace backupctl::step {
namespace {

constexpr std::size_t longest_name = 63;  ///< bytes; of a longer one the server takes the front (NAMEDATALEN)
constexpr std::size_t most_lines = 100;   ///< tables that are told one by one

/// D7: what the database holds now beside what the dump holds. Tables that only the database has are not the dump's.
Result<Report> compare(Context& context, const TableRows& found, const TableRows& expected, Report report) {
  std::int64_t rows = 0, tables = 0;
  std::string wrong;
  for (const auto& [name, count] : expected) {
    const auto it = found.find(name);
    if (it != found.end() && it->second < 0) continue;
    ++tables, rows += count;
    if (it == found.end() || it->second != count)
      wrong += fmt::format("{}{} has {} rows instead of {}", wrong.empty() ? "" : ", ", name,
                           it == found.end() ? 0 : it->second, count);
    else if (static_cast<std::size_t>(tables) <= most_lines)
      context.output.text(fmt::format("{}  {} rows", name, count));
  }
  if (!wrong.empty()) return fail(Exit::bad_data, "{}, but not what the dump holds: {}", report.text, wrong);
  report.fields.push_back(monitor::number_field("tables", tables));
  report.fields.push_back(monitor::number_field("rows", rows));
  return report;
}

Result<Report> count_and_compare(Context& context, PostgresDatabase& database, const TableRows& expected, Report report) {
  context.output.step("counting rows");
  const auto found = database.rows();
  if (!found) return pass(found.error());
  return compare(context, *found, expected, std::move(report));
}

/// What is there, dumped into the state directory before it is touched (D6).
class Old {
 public:
  /// @param own  it is the service's own database. @param any  it holds something
  Old(Context& context, PostgresDatabase& database, const std::string& service, bool own, bool any)
      : context_(context), database_(database), service_(service), own_(own), any_(own && any) {}

  Result<> keep(const TableName* table) {
    const auto kept = state::open_kept(context_.state, service_);
    if (!kept) return pass(kept.error());
    if (!any_) return {};
    if (table != nullptr) table_ = *table;
    const std::string earlier = kept->has_value() ? (*kept)->mark : "";
    auto mark = database_.mark(table, earlier);
    if (!mark) return pass(mark.error());
    // What an attempt that was killed had put aside is what was there before the first, unless that has exchanged nothing.
    if (kept->has_value() && mark->empty())
      return fail(Exit::unavailable,
                  "the server works still at a restore of {} that was broken off: say the same again when it is done with it",
                  service_);
    if (kept->has_value() && *mark != earlier) {
      context_.output.note(
          "a restore was broken off, and may have exchanged what was there: kept is what was there before it, "
          "and not what was written since",
          true);
      mark_ = *mark;
      return {};
    }
    mark_ = *mark;
    context_.output.step("keeping what is there now");
    auto file = state::begin_kept(context_.state, service_);
    if (!file) return pass(file.error());
    if (auto dumped = database_.dump(file->get(), table); !dumped) return dumped;
    mine_ = true;
    return state::keep(context_.state, service_, *file, table != nullptr ? table->schema + "." + table->table : "", mark_);
  }
  /// The restore failed. What was there is given up where it is certain that it is there still: a server may end what its
  /// client was broken off in.
  Error failed(const Error& why) {
    if (!any_) return why;
    const auto now = database_.mark(table_ ? &*table_ : nullptr, mark_);
    const bool same = now && !now->empty() && *now == mark_;
    if (same && mine_) static_cast<void>(state::remove_kept(context_.state, service_));
    if (same) return why;
    return {why.exit, fmt::format("{}, or was exchanged after all, which is not known: what was there before is kept; say the "
                                  "same --restore again, or --restore-rollback {}",
                                  why.sentence, service_)};
  }
  /// What was restored is there.
  Result<> conclude() { return own_ ? state::conclude_kept(context_.state, service_) : Result<>{}; }
  [[nodiscard]] std::string ways_on() const {
    if (!any_) return {};
    return fmt::format("; what was there is kept until --restore-commit {} or --restore-rollback {}", service_, service_);
  }

 private:
  Context& context_;
  PostgresDatabase& database_;
  const std::string& service_;
  bool own_, any_;
  bool mine_ = false;
  std::optional<TableName> table_;
  std::string mark_;
};

Result<> rewind(int dump) {
  return ::lseek(dump, 0, SEEK_SET) == 0 ? Result<>{}
                                         : fail_errno(Exit::io_error, errno, "cannot read the dump; nothing was touched");
}

/// The rows that a dump holds, read to its last. @param what  how errors call it
Result<TableRows> rows_of(PostgresClient& client, int dump, const std::string& what) {
  TableRows rows;
  if (auto good = rewind(dump); !good) return pass(good.error());
  const auto read = client.run("pg_restore", {"--data-only", "--file=-"}, nullptr,
                               {.in = dump, .listener = {"dump-rows"}, .on_record = [&](const Record& record) {
                                  if (record.kind != Record::Kind::entry) return false;
                                  rows[std::string(record.view())] += record.number[0];
                                  return true;
                                }});
  if (!read) return pass(read.error());
  if (read->status != 0)
    return fail(Exit::bad_data, "{} cannot be read to its end by this host's pg_restore ({}): nothing was touched", what,
                read->words.empty() ? "it said nothing" : read->words.front());
  return rows;
}

/// A connection that was just closed is there for a moment more.
Result<PostgresDatabase::Found> look_for_clients(Context& context, PostgresDatabase& database) {
  auto found = database.look();
  for (int again = 0; again < 3 && found && found->clients > 0; ++again) {
    if (auto waited = context.session.wait({}, monitor::Clock::now() + std::chrono::seconds(1)); !waited)
      return pass(waited.error());
    found = database.look();
  }
  return found;
}

/// Whether the whole database may be exchanged.
Result<> check_target(const PostgresDatabase::Found& found, const RestoreWish& wish, const std::string& name) {
  if (!wish.into.empty() && found.tables > 0)
    return fail(Exit::unavailable,
                "the database {} holds {} tables, and a restore into another database overwrites nothing: name one that is not "
                "there; nothing was done",
                name, found.tables);
  if (found.clients > 0 && !wish.with_clients)
    return fail(
        Exit::unavailable,
        "{} other clients are connected to the database {}, and would find it exchanged under them ({}): stop what uses it, or "
        "say --with-clients; the database is as it was",
        found.clients, name, found.names);
  return {};
}

/// What a restore brings, fetched and verified.
struct Fetched {
  const StoredArchive& stored;
  int dump;
  const TableRows& rows;
};

/// Makes the roles of the backup that a server lacks which has lost the database; one that holds it knows who left, and a role
/// that was dropped there does not come back. Without them a dump may be restorable all the same, so it goes on.
void bring_roles(Context& context, const policy::Service& service, PostgresClient& client, const std::string& database,
                 const StoredArchive& stored) {
  if (!stored.globals) return;
  auto globals = fetch_globals(context, service, stored);
  const auto made = globals ? restore_globals(context, client, database, *globals) : Result<>(pass(globals.error()));
  if (!made) context.output.note(fmt::format("{}; the restore goes on without", made.error().sentence), true);
}

Result<Report> restore_whole(Context& context, const policy::Service& service, const RestoreWish& wish, PostgresClient& client,
                             PostgresDatabase& database, const Fetched& fetched) {
  const auto found = look_for_clients(context, database);
  if (!found) return pass(found.error());
  const std::string& name = wish.into.empty() ? service.postgres.database : wish.into;
  if (auto good = check_target(*found, wish, name); !good) return pass(good.error());
  if (wish.into.empty() && found->tables == 0)
    bring_roles(context, service, client, found->exists ? name : maintenance_database, fetched.stored);
  if (!found->exists) {
    context.output.step(fmt::format("making the database {}", name));
    if (auto made = database.create(fetched.dump); !made) return pass(made.error());
  }
  Old old(context, database, service.name, wish.into.empty(), found->tables > 0);
  if (auto kept = old.keep(nullptr); !kept) return pass(kept.error());
  // Keeping it took its time.
  const auto again = look_for_clients(context, database);
  if (!again) return pass(old.failed(again.error()));
  if (auto good = check_target({again->exists, again->clients, 0, 0, again->names}, wish, name); !good)
    return pass(old.failed(good.error()));
  if (found->tables > 0 && again->writes != found->writes && !wish.with_clients)
    return pass(
        old.failed({Exit::unavailable,
                    fmt::format("something was written to the database {} while what is there was put aside, by clients "
                                "that come and go: stop what uses it, or say --with-clients; the database is as it was",
                                name)}));
  context.output.step(fmt::format("restoring the database {}", name));
  if (auto restored = database.restore(fetched.dump, found->tables > 0); !restored) {
    return pass(old.failed(restored.error()));
  }
  if (auto analyzed = database.analyze(); !analyzed) context.output.note(analyzed.error().sentence, true);
  auto report = count_and_compare(context, database, fetched.rows,
                                  Report{fmt::format("restored the database {}{}", name, old.ways_on()), {}});
  if (auto concluded = old.conclude(); !concluded) return pass(concluded.error());
  return report;
}

Result<Report> restore_one_table(Context& context, const policy::Service& service, const RestoreWish& wish, PostgresClient&,
                                 PostgresDatabase& database, const Fetched& fetched) {
  const TableRows& expected = fetched.rows;
  const int dump = fetched.dump;
  const TableName table = parse_table_name(wish.table);
  const auto found = database.look();
  if (!found) return pass(found.error());
  if (!found->exists && wish.into.empty())
    return fail(Exit::bad_config, "there is no database {}; restore all of it (without --table); nothing was done",
                service.postgres.database);
  if (!found->exists)
    if (auto made = database.create(dump); !made) return pass(made.error());
  const auto before = database.find(table);
  if (!before) return pass(before.error());
  const bool there = !before->empty();
  if (there && !expected.contains(*before))
    return fail(Exit::bad_data, "the dump holds no table {} with rows of its own; nothing was done", *before);
  if (there && !wish.into.empty())
    return fail(Exit::unavailable,
                "the database {} has the table {}, and a restore into another database overwrites nothing; nothing was done",
                wish.into, *before);
  Old old(context, database, service.name, wish.into.empty(), there);
  if (auto kept = old.keep(&table); !kept) return pass(kept.error());
  context.output.step(fmt::format("restoring {}", there ? "the table's rows" : "the table"));
  if (auto restored = there ? database.restore_rows(dump, table) : database.restore_table(dump, table, wish.into.empty());
      !restored) {
    return pass(old.failed(restored.error()));
  }
  if (auto analyzed = database.analyze(); !analyzed) context.output.note(analyzed.error().sentence, true);
  const auto name = database.find(table);
  if (!name) return pass(name.error());
  TableRows one;
  if (const auto it = expected.find(*name); it != expected.end()) one.insert(*it);
  auto report =
      count_and_compare(context, database, one,
                        Report{fmt::format("restored {} {}{}", there ? "the rows of" : "the table", *name, old.ways_on()), {}});
  if (auto concluded = old.conclude(); !concluded) return pass(concluded.error());
  return report;
}

std::string part_of(const RestoreWish& wish) {
  if (wish.table.empty()) return {};
  const TableName table = parse_table_name(wish.table);
  return table.schema + "." + table.table;
}

/// Its rows; where the table itself has gone since, all of it.
Result<> put_back_table(PostgresDatabase& database, int dump, const TableName& table) {
  const auto there = database.find(table);
  if (!there) return pass(there.error());
  return there->empty() ? database.restore_table(dump, table, true) : database.restore_rows(dump, table);
}

}  // namespace

Result<TableRows> verify_dump(Context& context, PostgresClient& client, const StoredArchive& stored, int dump) {
  context.output.step("verifying every byte and row");
  if (auto good = rewind(dump); !good) return pass(good.error());
  const auto hashed = run_relay(context, {"hash"}, dump);
  if (!hashed) return pass(hashed.error());
  if (hashed->number[0] != stored.manifest.number[0] || hashed->digest != stored.manifest.digest)
    return fail(Exit::bad_data,
                "{} from {} is not what its signed manifest says (size or SHA-256): nothing was touched; try another remote of "
                "it (--remote), or another date",
                stored.name, stored.remote->name);
  return rows_of(client, dump, fmt::format("{} from {}", stored.name, stored.remote->name));
}

Result<Report> restore_postgres(Context& context, const policy::Service& service, const RestoreWish& wish,
                                const std::string& keys) {
  if (wish.into == service.postgres.database)
    return fail(Exit::not_a_request, "--into names the service's own database: leave it out to restore that; nothing was done");
  if (wish.into.size() > longest_name)
    return fail(Exit::not_a_request, "--into wants a name of at most {} bytes, PostgreSQL's own limit; nothing was done",
                longest_name);
  auto lock = hold_restore(context, service.name);
  if (!lock) return pass(lock.error());
  const auto kept = state::open_kept(context.state, service.name);
  if (!kept) return pass(kept.error());
  if (wish.into.empty() && kept->has_value() && ((*kept)->concluded || (*kept)->part != part_of(wish)))
    return fail(Exit::unavailable,
                "what an earlier restore of {} replaced is kept still: choose --restore-commit {} or --restore-rollback {} "
                "first; nothing was done",
                service.name, service.name, service.name);
  auto client = PostgresClient::open(context, service);
  if (!client) return pass(client.error());
  // What stands against it would be found out after an hour of fetching.
  if (auto met = client->meet("restore", "nothing was touched"); !met) return pass(met.error());
  const std::string& name = wish.into.empty() ? service.postgres.database : wish.into;
  PostgresDatabase database(context, *client, name);
  if (wish.table.empty()) {
    const auto found = look_for_clients(context, database);
    if (!found) return pass(found.error());
    if (auto good = check_target(*found, wish, name); !good) return pass(good.error());
  }
  const auto stored = find_wished(context, service, wish, keys, wish.into.empty());
  if (!stored) return pass(stored.error());
  const auto dump = fetch(context, service, *stored);
  if (!dump) return pass(dump.error());
  const auto expected = verify_dump(context, *client, *stored, dump->get());
  if (!expected) return pass(expected.error());
  auto report = (wish.table.empty() ? restore_whole : restore_one_table)(context, service, wish, *client, database,
                                                                         {*stored, dump->get(), *expected});
  if (!report) database.drop_created();
  if (!report) return report;
  return with_origin(context, service, std::move(*report), *stored);
}

Result<Report> rollback_postgres(Context& context, const policy::Service& service) {
  auto lock = hold_restore(context, service.name);
  if (!lock) return pass(lock.error());
  const auto kept = kept_of(context, service);
  if (!kept) return pass(kept.error());
  auto client = PostgresClient::open(context, service);
  if (!client) return pass(client.error());
  if (auto met = client->meet("put back", "what is kept is kept still"); !met) return pass(met.error());
  const int dump = kept->file.get();
  const auto rows = rows_of(*client, dump, "what is kept");
  if (!rows) return pass(rows.error());
  PostgresDatabase database(context, *client, service.postgres.database);
  const auto found = database.look();
  if (!found) return pass(found.error());
  if (found->clients > 0)
    context.output.note(fmt::format("{} other clients are connected, and find the database exchanged under them: {}",
                                    found->clients, found->names),
                        true);
  if (!found->exists)
    if (auto made = database.create(dump); !made) return pass(made.error());
  context.output.step("putting back what was there");
  const auto back =
      kept->part.empty() ? database.restore(dump, true) : put_back_table(database, dump, parse_table_name(kept->part));
  if (!back) database.drop_created();
  if (!back) return fail(back.error().exit, "{}; what is kept is kept still", back.error().sentence);
  if (auto analyzed = database.analyze(); !analyzed) context.output.note(analyzed.error().sentence, true);
  const auto now = database.rows();
  if (!now) return fail(now.error().exit, "it is put back, but not proven: {}; it is kept still", now.error().sentence);
  auto report = compare(context, *now, *rows, Report{"what was there before the restore is there again", {}});
  // Who is connected may have written since.
  if (!report && found->clients == 0) return fail(report.error().exit, "{}; it is kept still", report.error().sentence);
  if (!report) report = Report{report.error().sentence, {}};
  tell_journal(context, service.name, report->text);
  if (auto removed = state::remove_kept(context.state, service.name); !removed) return pass(removed.error());
  return report;
}

}  // namespace backupctl::step
