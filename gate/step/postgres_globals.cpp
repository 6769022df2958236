#include "gate/step/postgres_globals.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "common/io.h"
#include "gate/step/commit.h"
#include "gate/step/dump_file.h"
#include "gate/step/helpers.h"
#include "gate/step/remote_files.h"

namespace backupctl::step {
namespace {

constexpr const char* facts_script = R"(SELECT 'roles', pg_catalog.count(*) FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_'
UNION ALL SELECT 'passwords', pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT')::pg_catalog.int4;
)";

// One statement, so that all of it happens or nothing. Its quotes are named by chance: a role's name could end them. What a
// role has by default is left unsaid, since saying it wants rights of its own (CREATE ROLE, ALTER ROLE). Settings whose values
// are lists are stored as one text and said as many (pg_dumpall does so, too).
constexpr const char* globals_script = R"sql(SET client_encoding = 'UTF8';
SET datestyle = 'ISO';
SELECT 'roles_' || md5(random()::text || clock_timestamp()) AS tag \gset
SELECT format(E'SELECT pg_catalog.set_config(''search_path'', '''', false);\nSET client_encoding = ''UTF8'';\nDO $%s$\nDECLARE\n'
    '  made text;\n  bare text;\n  missing name[] := ARRAY(SELECT r FROM unnest(ARRAY[%s]::name[]) r WHERE r NOT IN (SELECT rolname FROM pg_catalog.pg_roles));\nBEGIN',
    :'tag', string_agg(quote_literal(rolname), ', ' ORDER BY rolname))
  FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_';
SELECT format('  IF %1$L = ANY (missing) THEN CREATE ROLE %1$I%2$s; made := concat_ws('', '', made, %1$L);%3$s END IF;', rolname,
    concat(CASE WHEN rolsuper THEN ' SUPERUSER' END, CASE WHEN rolcreatedb THEN ' CREATEDB' END,
      CASE WHEN rolcreaterole THEN ' CREATEROLE' END, CASE WHEN NOT rolinherit THEN ' NOINHERIT' END,
      CASE WHEN rolcanlogin THEN ' LOGIN' END, CASE WHEN rolreplication THEN ' REPLICATION' END,
      CASE WHEN rolbypassrls THEN ' BYPASSRLS' END, CASE WHEN rolconnlimit <> -1 THEN format(' CONNECTION LIMIT %s', rolconnlimit) END,
      ' PASSWORD ' || quote_literal(:secret), ' VALID UNTIL ' || quote_literal(rolvaliduntil)),
    CASE WHEN rolcanlogin AND :secret IS NULL THEN format(' bare := concat_ws('', '', bare, %L);', rolname) END)
  FROM pg_catalog.:source WHERE rolname !~ '^pg_' ORDER BY rolname;
SELECT format('  IF ARRAY[%1$L, %2$L]::name[] && missing THEN GRANT %1$I TO %2$I%3$s; END IF;', g.rolname, m.rolname, :options)
  FROM pg_catalog.pg_auth_members a JOIN pg_catalog.pg_roles g ON g.oid = a.roleid JOIN pg_catalog.pg_roles m ON m.oid = a.member
  WHERE m.rolname !~ '^pg_' GROUP BY g.rolname, m.rolname ORDER BY g.rolname, m.rolname;
SELECT format('  IF %1$L = ANY (missing)%5$s THEN ALTER ROLE %1$I%2$s SET %3$I TO %4$s; END IF;', r.rolname,
    CASE WHEN s.setdatabase <> 0 THEN format(' IN DATABASE %I', d.datname) END, split_part(one, '=', 1),
    CASE WHEN split_part(one, '=', 1) = ANY (ARRAY['local_preload_libraries', 'search_path', 'session_preload_libraries', 'temp_tablespaces'])
      THEN (SELECT string_agg(quote_literal(coalesce(replace(m[1], '""', '"'), m[2])), ', ' ORDER BY n)
        FROM regexp_matches(substr(one, strpos(one, '=') + 1), '"((?:[^"]|"")*)"|([^", ]+)', 'g') WITH ORDINALITY AS p(m, n))
      ELSE quote_literal(substr(one, strpos(one, '=') + 1)) END,
    CASE WHEN s.setdatabase <> 0 THEN format(' AND EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %L)', d.datname) END)
  FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
    LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) one
  WHERE r.rolname !~ '^pg_' AND (s.setdatabase = 0 OR d.datname = current_database()) ORDER BY r.rolname, s.setdatabase;
SELECT format(E'  IF made IS NOT NULL THEN RAISE NOTICE USING MESSAGE = ''made the roles '' || made; END IF;\n'
    '  IF bare IS NOT NULL THEN RAISE NOTICE USING MESSAGE = ''made without a password: '' || bare; END IF;\nEND $%s$;', :'tag');
)sql";

// Since 16 a membership has three options of its own (GRANT, "GRANT on Roles").
constexpr int with_options = 16;
constexpr const char* old_options = "CASE WHEN pg_catalog.bool_or(a.admin_option) THEN ' WITH ADMIN OPTION' END";
constexpr const char* options =
    "pg_catalog.concat(' WITH ADMIN ', pg_catalog.bool_or(a.admin_option)::pg_catalog.text, ', INHERIT ', "
    "pg_catalog.bool_or(a.inherit_option)::pg_catalog.text, ', SET ', pg_catalog.bool_or(a.set_option)::pg_catalog.text)";

struct Facts {
  std::int64_t roles = 0;
  bool passwords = false;
};

Result<Facts> look_at_roles(PostgresClient& client) {
  Facts facts;
  const auto asked = client.ask({}, facts_script, {}, [&](const Record& record) {
    if (record.kind != Record::Kind::entry) return false;
    if (record.view() == "roles") facts.roles = record.number[0];
    if (record.view() == "passwords") facts.passwords = record.number[0] == 1;
    return true;
  });
  if (!asked) return pass(asked.error());
  if (asked->status != 0) return tl::make_unexpected(client.error(*asked, "look at the roles of", nothing_sent));
  return facts;
}

std::string random_word() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

}  // namespace

Result<std::string> dump_globals(Context& context, PostgresClient& client, state::Spool& spool, TreeRead& read) {
  const auto facts = look_at_roles(client);
  if (!facts) return pass(facts.error());
  if (!facts->passwords)
    context.output.note(
        fmt::format("the user {} may not read passwords, so the roles are backed up without theirs", client.settings().user),
        true);
  const auto script = memory_file(std::string(own_names_alone) + globals_script);
  if (!script) return pass(script.error());
  const UniqueFd out = open_beneath(spool.fd(), globals_file, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (!out) return fail_errno(Exit::io_error, errno, "cannot write in {}; {}", spool.path(), nothing_sent);
  const std::string own;
  const auto ran = client.run(
      "psql",
      PostgresClient::psql_args({"--no-align", "--tuples-only",
                                 std::string("--set=source=") + (facts->passwords ? "pg_authid" : "pg_roles"),
                                 std::string("--set=secret=") + (facts->passwords ? "rolpassword" : "NULL"),
                                 std::string("--set=options=") + (client.server() < with_options ? old_options : options)}),
      &own, {.in = script->get(), .out = out.get()});
  if (!ran) return pass(ran.error());
  if (ran->status != 0) return tl::make_unexpected(client.error(*ran, "dump the roles of", nothing_sent));
  if (::lseek(out.get(), 0, SEEK_SET) != 0)
    return fail_errno(Exit::io_error, errno, "cannot read in {}; {}", spool.path(), nothing_sent);
  const auto hashed = run_relay(context, {"hash"}, out.get());
  if (!hashed) return pass(hashed.error());
  read.globals = FileDigest{hashed->number[0], hashed->digest};
  return fmt::format(R"({{"archive":"{}","size":{},"sha256":"{}","members":{},"source_bytes":0}})", globals_name,
                     hashed->number[0], to_hex(hashed->digest), facts->roles);
}

Result<state::Spool> fetch_globals(Context& context, const policy::Service& service, const StoredArchive& stored) {
  auto spool = state::Spool::make(context.state);
  if (!spool) return pass(spool.error());
  // Of everybody, in a folder that psql's worker alone will enter.
  const UniqueFd file = open_beneath(spool->fd(), globals_file, O_RDWR | O_CREAT | O_EXCL, 0644);
  if (!file || ::fchmod(file.get(), 0644) != 0) return fail_errno(Exit::io_error, errno, "cannot write in {}", spool->path());
  auto files = RemoteFiles::open(context, *stored.remote);
  if (!files) return pass(files.error());
  const std::string name = stored.name + std::string(globals_ending);
  const auto entries = files->list(files->layout().archives(service.name));
  if (!entries) return pass(entries.error());
  if (find(*entries, name) == nullptr)
    return fail(Exit::bad_data, "{} is gone from {}, so the server's roles cannot be restored from there", name,
                stored.remote->name);
  context.output.step(fmt::format("fetching {} from {}", name, stored.remote->name));
  if (auto fetched = files->fetch(files->layout().archive(service.name, name), file.get(), stored.globals->size); !fetched)
    return pass(fetched.error());
  if (auto closed = files->close(); !closed) return pass(closed.error());
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "cannot read in {}", spool->path());
  const auto hashed = run_relay(context, {"hash"}, file.get());
  if (!hashed) return pass(hashed.error());
  if (hashed->number[0] != stored.globals->size || hashed->digest != stored.globals->digest)
    return fail(Exit::bad_data, "{} from {} is not what the signed manifest says (size or SHA-256), so no role was made", name,
                stored.remote->name);
  return spool;
}

Result<> restore_globals(Context& context, PostgresClient& client, const std::string& database, state::Spool& globals) {
  // What the script says; what is before it is the server's language.
  constexpr std::string_view made = "made the roles ", without_password = "made without a password: ";
  const UniqueFd first = open_beneath(globals.fd(), "restrict", O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!first || ::fchmod(first.get(), 0644) != 0)
    return fail_errno(Exit::io_error, errno, "cannot write in {}; none was made", globals.path());
  if (auto written = write_all(first.get(), fmt::format("\\restrict {}\n", random_word())); !written) return written;
  context.output.step("making the roles that the server lacks");
  const auto ran = client.run("psql", PostgresClient::psql_args({"--file=/spool/restrict", "--file=/spool/globals"}), &database,
                              {.spool = &globals});
  if (!ran) return pass(ran.error());
  if (ran->status != 0) return tl::make_unexpected(client.error(*ran, "make the roles of", "none was made"));
  for (const std::string& word : ran->words)
    for (const std::string_view said : {made, without_password})
      if (const std::size_t at = word.find(said); at != std::string::npos)
        context.output.note(word.substr(at), said == without_password);
  return {};
}

}  // namespace backupctl::step
