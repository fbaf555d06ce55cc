// Runs a sketch for a moment.
#include "Arduino.h"
#include "WiFi.h"
#include <chrono>
#include <thread>

WiFiClass WiFi;

void setup();
void loop();

static const auto started = std::chrono::steady_clock::now() - std::chrono::seconds(1);

unsigned long millis() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started).count();
}

void delay(unsigned long milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

float temperatureRead() { return 53.33f; }

int main() {
  setup();
  for (int i = 0; i < 20; i++) {
    loop();
    delay(10);
  }
}
