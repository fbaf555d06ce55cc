// A stand-in for the library of this name: the same calls, and on the wire what it sends: MQTT 3.1.1, QoS 0, a clean session, 15 seconds of
// keep-alive, and no message that doesn't fit into a buffer of 256 bytes.
#pragma once
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#include <string>
#include "WiFi.h"

class PubSubClient {
public:
  explicit PubSubClient(WiFiClient&) {}

  PubSubClient& setServer(const char* address, uint16_t port) {
    _address = address;
    _port = port;
    return *this;
  }

  bool connected() const { return _socket >= 0; }

  bool connect(const char* id, const char* user, const char* password) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(_port);
    inet_pton(AF_INET, _address.c_str(), &to.sin_addr);
    _socket = socket(AF_INET, SOCK_STREAM, 0);
    const std::string head("\x00\x04MQTT\x04\xC2\x00\x0F", 10);
    char answer[4];
    if (::connect(_socket, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 && send(0x10, head + text(id) + text(user) + text(password)) &&
        recv(_socket, answer, 4, MSG_WAITALL) == 4 && answer[0] == 0x20 && answer[3] == 0) {
      return true;
    }

    close(_socket);
    _socket = -1;
    return false;
  }

  bool publish(const char* topic, const char* payload) {
    return connected() && 5 + 2 + std::string(topic).size() + std::string(payload).size() <= 256 && send(0x30, text(topic) + payload);
  }

  bool loop() { return connected(); }

private:
  static std::string text(const std::string& text) { return {std::string{char(text.size() >> 8), char(text.size())} + text}; }

  bool send(int head, const std::string& rest) {
    std::string packet(1, char(head));
    size_t length = rest.size();
    do {
      packet += char((length & 0x7F) | (length > 0x7F ? 0x80 : 0));
      length >>= 7;
    } while (length > 0);
    packet += rest;
    return ::send(_socket, packet.data(), packet.size(), 0) == ssize_t(packet.size());
  }

  std::string _address;
  uint16_t _port = 0;
  int _socket = -1;
};
