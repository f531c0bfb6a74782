// The CloudEvents SDK for Go as a sender and as a receiver.
//
//	interop send TABLE URL...   sends every event of the table to every URL, in every mode the SDK writes
//	interop receive             listens, and prints where; then what it reads, until its standard input ends
//
// Prints one JSON object a line. The table and the lines are described in `tests/http/interop/sdk.rs`.
package main

import (
	"encoding/json"
	"log"
	"os"
	"sync"
)

var printing sync.Mutex

func say(line any) {
	printing.Lock()
	defer printing.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Fatal(err)
	}
}

func main() {
	var err error
	if os.Args[1] == "send" {
		err = send(os.Args[2], os.Args[3:])
	} else {
		err = receive()
	}
	if err != nil {
		log.Fatal(err)
	}
}
