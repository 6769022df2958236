#include "gate/prober/prober.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace backupctl::prober {
namespace {

struct EndCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct EndList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Body {
  std::string text;
  bool surplus = false;
};

std::size_t take(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& body = *static_cast<Body*>(into);
  body.surplus = body.text.size() + size * count > most_bytes;
  if (body.surplus) return 0;  // ends the transfer
  body.text.append(bytes, size * count);
  return size * count;
}

struct EndUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

/// "host:port" of a URL; empty where it is none.
std::string authority(const char* text) {
  const std::unique_ptr<CURLU, EndUrl> url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text, 0) != CURLUE_OK) return {};
  std::string parts;
  for (const CURLUPart part : {CURLUPART_HOST, CURLUPART_PORT}) {
    char* value = nullptr;
    if (curl_url_get(url.get(), part, &value, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
    parts += std::string(":") + value;
    curl_free(value);
  }
  return parts;
}

Record unhealthy(long status, std::string_view why) {
  Record record;
  record.kind = Record::Kind::result;
  record.number[0] = status;
  record.set_text(why);
  return record;
}

}  // namespace

std::string judge(std::string_view body, const std::map<std::string, std::string>& json) {
  if (json.empty()) return {};
  const auto answer = nlohmann::json::parse(body, nullptr, false);
  if (!answer.is_object()) return "it answers no JSON object";
  for (const auto& [key, wanted] : json) {
    const auto found = answer.find(key);
    if (found == answer.end()) return fmt::format("its answer has no {}", key);
    const std::string value = found->is_string() ? found->get<std::string>() : found->dump();
    if (value != wanted) return fmt::format("{} is {} and not {}", key, value.substr(0, 100), wanted);
  }
  return {};
}

Record ask(const Question& question) {
  const std::unique_ptr<CURL, EndCurl> curl(curl_easy_init());
  if (!curl) return unhealthy(0, "libcurl does not work");
  const std::unique_ptr<curl_slist, EndList> resolved(
      question.resolved.empty() ? nullptr : curl_slist_append(nullptr, question.resolved.c_str()));
  Body body;
  char why[CURL_ERROR_SIZE] = {};
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
  set(CURLOPT_URL, question.url.c_str());
  set(CURLOPT_RESOLVE, resolved.get());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_TIMEOUT, longest_answer);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROXY, "");  // what a service answers to a proxy says little of its health
  set(CURLOPT_USERAGENT, "backupctl");
  set(CURLOPT_CAINFO, "/etc/ssl/certs/ca-certificates.crt");
  set(CURLOPT_WRITEFUNCTION, take);
  set(CURLOPT_WRITEDATA, &body);
  set(CURLOPT_ERRORBUFFER, why);
  CURLcode code = CURLE_OK;
  long status = 0;
  for (long redirects = 0;; ++redirects) {
    body = {};
    code = curl_easy_perform(curl.get());
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    const char* to = nullptr;
    curl_easy_getinfo(curl.get(), CURLINFO_REDIRECT_URL, &to);
    if (code != CURLE_OK || to == nullptr) break;
    if (redirects == most_redirects) return unhealthy(status, fmt::format("it redirects more than {} times", most_redirects));
    const std::string next = to;
    if (authority(next.c_str()) != authority(question.url.c_str()))
      return unhealthy(status, "it redirects to another place, which is not asked");
    set(CURLOPT_URL, next.c_str());
  }
  if (body.surplus) return unhealthy(status, fmt::format("it answers with more than {} bytes", most_bytes));
  if (code != CURLE_OK) return unhealthy(status, why[0] != 0 ? why : curl_easy_strerror(code));
  if (status < 200 || status >= 300) return unhealthy(status, fmt::format("it answers with status {}", status));
  const std::string wrong = judge(body.text, question.json);
  Record record = unhealthy(status, wrong);
  record.number[1] = wrong.empty() ? 1 : 0;
  return record;
}

}  // namespace backupctl::prober
