package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

type received struct {
	Mode       string         `json:"mode"`
	ID         string         `json:"id"`
	Attributes map[string]any `json:"attributes,omitempty"`
	Data       *data          `json:"data,omitempty"`
	Error      string         `json:"error,omitempty"`
}

type data struct {
	Base64 *[]byte `json:"base64,omitempty"`
}

func receive() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	say(map[string]int{"port": listener.Addr().(*net.TCPAddr).Port})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(listener, http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		for _, line := range read(request, body) {
			say(line)
		}
		response.WriteHeader(http.StatusNoContent)
	}))
}

func read(request *http.Request, body []byte) []received {
	if cehttp.IsHTTPBatch(request.Header) {
		events, err := cehttp.NewEventsFromHTTPRequest(request)
		if err != nil {
			return unread("batched", body, err)
		}
		var lines []received
		for _, event := range events {
			lines = append(lines, lineOf("batched", event))
		}
		return lines
	}
	mode := "binary"
	if strings.HasPrefix(request.Header.Get("content-type"), "application/cloudevents") {
		mode = "structured"
	}
	event, err := cehttp.NewEventFromHTTPRequest(request)
	if err == nil {
		err = event.Validate()
	}
	if err != nil && mode == "structured" {
		return unread(mode, append(append([]byte("["), body...), ']'), err)
	}
	if err != nil {
		return []received{{Mode: mode, ID: request.Header.Get("ce-id"), Error: err.Error()}}
	}
	return []received{lineOf(mode, *event)}
}

// A line for each event of a batch that the SDK does not read.
func unread(mode string, batch []byte, err error) []received {
	var events []struct{ ID string }
	_ = json.Unmarshal(batch, &events)
	var lines []received
	for _, event := range events {
		lines = append(lines, received{Mode: mode, ID: event.ID, Error: err.Error()})
	}
	return lines
}

func lineOf(mode string, event cloudevents.Event) received {
	attributes := map[string]any{
		"specversion": event.SpecVersion(),
		"id":          event.ID(),
		"source":      event.Source(),
		"type":        event.Type(),
	}
	for name, value := range map[string]string{
		"subject":         event.Subject(),
		"dataschema":      event.DataSchema(),
		"datacontenttype": event.DataContentType(),
	} {
		if value != "" {
			attributes[name] = value
		}
	}
	if !event.Time().IsZero() {
		attributes["time"] = event.Context.(*cloudevents.EventContextV1).Time.String()
	}
	for name, value := range event.Extensions() {
		attributes[name] = value
	}
	line := received{Mode: mode, ID: event.ID(), Attributes: attributes, Data: &data{}}
	if bytes := event.Data(); bytes != nil {
		line.Data.Base64 = &bytes
	}
	return line
}
