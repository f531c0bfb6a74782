// A filter that fails in the way the type of an event asks for.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"tidegate.dev/tidegate"
)

// Config is there to be got wrong.
type Config struct {
	Limit int32 `json:"limit" required:"true"`
}

func init() { tidegate.FilterWith(failing) }

var (
	numbers []int
	nothing *Config
	hoard   [][]byte
	never   = make(chan int)
)

func failing(e tidegate.Event, config *Config) tidegate.Verdict {
	switch e.Type() {
	case "panic":
		panic("no order is like this: " + e.Subject())
	case "panic-error":
		panic(errors.New("an error"))
	case "panic-value":
		panic(config.Limit)
	case "index":
		return tidegate.Drop(fmt.Sprint(numbers[len(e.ID())]))
	case "nil":
		nothing.Limit++
	case "exit":
		os.Exit(3)
	case "fatal":
		log.SetFlags(0)
		log.Fatal("given up ", e.ID())
	case "long":
		log.SetFlags(0)
		for range 100 {
			log.Print("häßliches")
		}
		os.Exit(1)
	case "deadlock":
		<-never
	case "goroutine":
		go func() { panic("in a goroutine") }()
		<-never
	case "memory":
		for {
			hoard = append(hoard, make([]byte, 1<<20))
		}
	case "deep":
		return tidegate.Drop(fmt.Sprint(deep(1 << 30)))
	case "sleep":
		before := time.Now()
		time.Sleep(time.Hour)
		return tidegate.Drop(time.Since(before).Truncate(time.Minute).String())
	case "time":
		return tidegate.Drop(time.Now().UTC().Format(time.RFC3339))
	case "stderr":
		fmt.Fprintln(os.Stderr, "nobody reads this")
		fmt.Println("nor this")
	}
	return tidegate.Keep()
}

func deep(n int) int {
	if n == 0 {
		return 0
	}
	return deep(n-1) + n
}

func main() {}
