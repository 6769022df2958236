#include "gate/relay/messages.h"

#include "gate/relay/line_reader.h"
#include "gate/relay/relay.h"
#include "gate/relay/secrets.h"

namespace backupctl::relay {

Result<Record> messages(const Channels& channels, std::span<const std::string>) {
  LineReader reader(channels.in, max_message);
  LineReader::Line line;
  Record result;
  for (;;) {
    const auto more = reader.next(line);
    if (!more) return pass(more.error());
    if (!*more) return result;
    if (line.text.empty() || ++result.number[0] > static_cast<std::int64_t>(most_messages)) continue;
    Record note;
    note.kind = Record::Kind::note;
    note.number[0] = 1;
    note.set_text(without_secrets(line.text));
    send_record(channels.report, note);
  }
}

}  // namespace backupctl::relay
