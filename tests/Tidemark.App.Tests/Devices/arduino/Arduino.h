// What the sketch of docs/devices.md uses of an ESP32's core, on this machine.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

void delay(unsigned long milliseconds);
unsigned long millis();
float temperatureRead();
