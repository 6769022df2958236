#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "gate/vault/vault.h"

/// A state directory and an rclone.conf of their own for one test, under a directory that root alone may write (X7 is
/// checked up to /, so /tmp will not do). The tests play the hostile child themselves: they write as root and give away.
struct VaultWorld {
  static constexpr uid_t uid = 1878982660;
  std::string base = "/var/lib/backupctl-test-XXXXXX";
  backupctl::vault::Places places;
  std::string copy;

  VaultWorld() {
    if (::mkdtemp(base.data()) == nullptr) std::abort();
    places = {base + "/state", base + "/rclone.conf"};
    ::mkdir(places.state_dir.c_str(), 0700);
    copy = places.copy("onedrive");
    write_root(config("T0"));
  }
  ~VaultWorld() { std::filesystem::remove_all(base); }
  VaultWorld(const VaultWorld&) = delete;
  VaultWorld& operator=(const VaultWorld&) = delete;

  static std::string token(const std::string& name) {
    return "{\"access_token\":\"a" + name + "\",\"token_type\":\"Bearer\",\"refresh_token\":\"r" + name +
           "\",\"expiry\":\"2030-01-01T00:00:00Z\"}";
  }
  /// As an owner may have written it: comments, odd spacing, CRLF, other sections before and after.
  static std::string config(const std::string& name) {
    return "# mine\r\n[other]\ntype = s3\nsecret_access_key = hush\n\n[onedrive]\r\ntype=onedrive\r\n; note\ntoken: " +
           token(name) + "\r\ndrive_id = d\n\n\n[last]\ntype = webdav\n";
  }
  /// As rclone saves it, with whatever stands for the token and after it.
  static std::string saved(const std::string& value, const std::string& more = "") {
    return "[onedrive]\ntype = onedrive\ntoken = " + value + "\ndrive_id = d\n" + more + "\n";
  }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  [[nodiscard]] std::string root() const { return read(places.rclone_config); }
  void write_root(const std::string& text, mode_t mode = 0600) const { put(places.rclone_config, text, 0, mode); }
  static void put(const std::string& path, const std::string& text, uid_t owner = uid, mode_t mode = 0600) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    if (::chmod(path.c_str(), mode) != 0 || ::chown(path.c_str(), owner, owner) != 0) std::abort();
  }
  /// What rclone does: a temporary, then two renames.
  void rclone_saves(const std::string& text) const {
    put(copy + "/rclone.conf123", text);
    std::filesystem::rename(copy + "/rclone.conf", copy + "/rclone.conf.old");
    std::filesystem::rename(copy + "/rclone.conf123", copy + "/rclone.conf");
    std::filesystem::remove(copy + "/rclone.conf.old");
  }
  [[nodiscard]] backupctl::Result<backupctl::vault::Vault> out(const std::string& remote = "onedrive",
                                                               const std::string& source = "") const {
    return backupctl::vault::Vault::copy_out(
        places, remote, uid, [] { return backupctl::fail(backupctl::Exit::unavailable, "busy"); }, source);
  }
  [[nodiscard]] std::size_t parked() const { return entries(places.parked()); }
  [[nodiscard]] std::size_t copies() const { return entries(places.vault() + "/copies"); }
  static std::size_t entries(const std::string& path) {
    if (!std::filesystem::exists(path)) return 0;
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
  }
};
