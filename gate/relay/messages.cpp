#include "gate/relay/messages.h"

#include "gate/relay/line_reader.h"
#include "gate/relay/relay.h"
#include "gate/relay/secrets.h"

namespace backupctl::relay {

Result<Record> messages(const Channels& channels, std::span<const std::string>) {
  Record result;
  const auto read = each_line(channels.in, max_message, [&](const LineReader::Line& line) -> Result<> {
    if (line.text.empty() || ++result.number[0] > static_cast<std::int64_t>(most_messages)) return {};
    Record note;
    note.kind = Record::Kind::note;
    note.number[0] = 1;
    note.set_text(without_secrets(line.text));
    send_record(channels.report, note);
    return {};
  });
  if (!read) return pass(read.error());
  return result;
}

}  // namespace backupctl::relay
