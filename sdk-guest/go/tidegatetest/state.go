package tidegatetest

import (
	"time"

	"tidegate.dev/tidegate/internal/native"
)

// Forget empties what this process keeps in place of a host (package state).
func Forget() { native.StateForget() }

// TimePasses lets so much time pass for what this process keeps: entries whose time is over are gone.
func TimePasses(time time.Duration) { native.StateTimePasses(uint64(time.Milliseconds())) }
