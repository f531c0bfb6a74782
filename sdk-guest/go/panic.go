package tidegate

import "fmt"

// panicText is what a panic was raised with, for people.
func panicText(cause any) string {
	switch cause := cause.(type) {
	case error:
		return "panic: " + cause.Error()
	case string:
		return "panic: " + cause
	default:
		return fmt.Sprintf("panic: %v", cause)
	}
}
