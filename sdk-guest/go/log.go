package tidegate

import "fmt"

// Level is how much a log line matters.
type Level uint32

const (
	// LevelTrace is of use to whoever writes the module.
	LevelTrace Level = iota
	// LevelDebug is of use to whoever debugs it.
	LevelDebug
	// LevelInfo is worth knowing.
	LevelInfo
	// LevelWarn is wrong, but handled.
	LevelWarn
	// LevelError is that a person must act.
	LevelError
)

// Log writes a line to the host's log, which limits their rate and length. It is a capability: a component that calls it asks
// for `log`, which the policy must grant. Natively, in tests, it goes to stderr, or where tidegatetest collects it.
func Log(level Level, message string) { logWrite(level, message) }

// Logf is [Log] with a format.
func Logf(level Level, format string, args ...any) { logWrite(level, fmt.Sprintf(format, args...)) }
