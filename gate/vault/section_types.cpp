#include "gate/vault/section_types.h"

#include <algorithm>

namespace backupctl::vault {
namespace {

// Why an allow-list, and why these: rclone's configuration is a small programming language. A key can run a program
// (`bearer_token_command`, sftp's `server_command` and `ssh`), read any file that its user may (`service_account_file`,
// `key_file`, `env_auth`), or turn a remote into a local directory (type `local`, an alias to `/root`). So a type is listed
// when people keep backups on it and its options are known, and of its options (`rclone config providers`, 1.60.1) those
// that only say which account, where on the server, and how to transfer.
// Not listed on purpose: local, memory, http (no backup belongs there: a `directory` remote is the local one); cache and
// hasher (keep a database on this host, which a cage that lives for one run cannot); ftp (password and data in clear).
constexpr SectionType types[] = {
    {"onedrive", "",
     "client_id client_secret token auth_url token_url region drive_id drive_type root_folder_id chunk_size list_chunk "
     "no_versions disable_site_permission access_scopes server_side_across_configs expose_onenote_files link_scope link_type"},
    {"drive", "",
     "client_id client_secret token auth_url token_url scope root_folder_id team_drive service_account_credentials impersonate "
     "resource_key use_trash chunk_size upload_cutoff list_chunk pacer_min_sleep pacer_burst keep_revision_forever "
     "acknowledge_abuse skip_gdocs skip_shortcuts stop_on_upload_limit stop_on_download_limit server_side_across_configs "
     "disable_http2 size_as_quota"},
    {"dropbox", "",
     "client_id client_secret token auth_url token_url chunk_size impersonate batch_mode batch_size batch_timeout "
     "batch_commit_timeout"},
    {"box", "", "client_id client_secret token auth_url token_url root_folder_id upload_cutoff commit_retries list_chunk"},
    {"pcloud", "", "client_id client_secret token auth_url token_url hostname root_folder_id"},
    {"yandex", "", "client_id client_secret token auth_url token_url hard_delete"},
    {"google cloud storage", "",
     "client_id client_secret token auth_url token_url project_number service_account_credentials object_acl bucket_acl "
     "bucket_policy_only location storage_class no_check_bucket endpoint"},
    {"webdav", "", "url vendor user pass bearer_token headers"},
    {"azureblob", "",
     "account key sas_url endpoint use_emulator access_tier archive_tier_delete upload_cutoff chunk_size upload_concurrency "
     "list_chunk disable_checksum no_head_object public_access"},
    {"s3", "",
     "provider access_key_id secret_access_key session_token region endpoint location_constraint acl bucket_acl storage_class "
     "server_side_encryption sse_kms_key_id sse_customer_algorithm sse_customer_key sse_customer_key_base64 "
     "sse_customer_key_md5 upload_cutoff chunk_size copy_cutoff max_upload_parts upload_concurrency force_path_style v2_auth "
     "use_accelerate_endpoint leave_parts_on_error list_chunk list_version list_url_encode no_check_bucket no_head "
     "no_head_object disable_checksum disable_http2 requester_pays use_multipart_etag use_presigned_request "
     "no_system_metadata decompress might_gzip"},
    {"b2", "", "account key endpoint hard_delete versions upload_cutoff copy_cutoff chunk_size disable_checksum"},
    {"swift", "",
     "user key auth auth_version user_id domain tenant tenant_id tenant_domain region storage_url auth_token "
     "application_credential_id application_credential_name application_credential_secret endpoint_type storage_policy "
     "chunk_size no_chunk no_large_objects leave_parts_on_error"},
    {"sftp", "",
     "host user port pass key_pem key_file_pass use_insecure_cipher disable_hashcheck path_override set_modtime shell_type "
     "skip_links subsystem use_fstat disable_concurrent_reads disable_concurrent_writes idle_timeout chunk_size concurrency"},
    {"crypt", "remote",
     "password password2 filename_encryption directory_name_encryption filename_encoding no_data_encryption "
     "server_side_across_configs"},
    {"alias", "remote", ""},
    {"chunker", "remote", "chunk_size name_format start_from meta_format hash_type fail_hard transactions"},
    {"compress", "remote", "mode level ram_cache_limit"},
    {"union", "upstreams", "action_policy create_policy search_policy cache_time min_free_space"},
    {"combine", "upstreams", ""},
};

constexpr std::string_view everywhere = "type description encoding";

/// Whether `words` (separated by one space) holds `word`.
bool holds(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

struct Reason {
  std::string_view ending;  ///< of the key
  std::string_view words;
};
constexpr Reason reasons[] = {
    {"_command", "rclone would run a program"},
    {"ssh", "rclone would run a program"},
    {"_file", "it names a file of this host, which a transfer cannot see"},
    {"_auth", "it reads credentials from outside rclone.conf"},
    {"_agent", "it reads credentials from outside rclone.conf"},
    {"profile", "it reads credentials from outside rclone.conf"},
    {"ask_password", "there is nobody to ask"},
    {"", "it is not one of the keys that the gate knows to be harmless"},
};

}  // namespace

std::span<const SectionType> section_types() { return types; }

const SectionType* section_type(std::string_view type) {
  const auto* found = std::ranges::find(types, type, &SectionType::type);
  return found == std::end(types) ? nullptr : found;
}

bool key_allowed(const SectionType& type, std::string_view key) {
  return holds(everywhere, key) || holds(type.keys, key) || (!type.wraps.empty() && key == type.wraps);
}

std::string_view refusal_reason(std::string_view key) {
  return std::ranges::find_if(reasons, [&](const Reason& reason) { return key.ends_with(reason.ending); })->words;
}

}  // namespace backupctl::vault
