package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/cloudevents/sdk-go/v2/types"
)

type entry struct {
	Event map[string]json.RawMessage `json:"event"`
	Types map[string]string          `json:"types"`
}

func (e entry) id() string {
	var id string
	_ = json.Unmarshal(e.Event["id"], &id)
	return id
}

type sent struct {
	URL    string   `json:"url"`
	Mode   string   `json:"mode"`
	IDs    []string `json:"ids"`
	Status int      `json:"status,omitempty"`
	Answer string   `json:"answer,omitempty"`
	Body   []byte   `json:"body"`
	Error  string   `json:"error,omitempty"`
}

// A transport that remembers the body it sent and the answer it got.
type remembering struct {
	line *sent
}

func (r remembering) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		r.line.Body = body
		request.Body = io.NopCloser(bytes.NewReader(body))
		if len(body) == 0 {
			request.Body = http.NoBody
		}
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(response.Body)
	r.line.Status, r.line.Answer = response.StatusCode, string(answer)
	response.Body = io.NopCloser(bytes.NewReader(answer))
	return response, err
}

func send(path string, urls []string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var table []entry
	if err := json.Unmarshal(text, &table); err != nil {
		return err
	}
	for _, url := range urls {
		for _, mode := range []string{"binary", "structured"} {
			for _, entry := range table {
				line := sent{URL: url, Mode: mode, IDs: []string{entry.id()}}
				if err := sendOne(entry, &line); err != nil {
					line.Error = err.Error()
				}
				say(line)
			}
		}
		sendBatch(table, url)
	}
	return nil
}

// With the SDK's client, as its users do.
func sendOne(entry entry, line *sent) error {
	event, err := eventOf(entry)
	if err != nil {
		return err
	}
	client, err := cloudevents.NewClientHTTP(cehttp.WithTarget(line.URL), cehttp.WithRoundTripper(remembering{line}))
	if err != nil {
		return err
	}
	ctx := cloudevents.WithEncodingBinary(context.Background())
	if line.Mode == "structured" {
		ctx = cloudevents.WithEncodingStructured(context.Background())
	}
	result := client.Send(ctx, event)
	var answer *cehttp.Result
	if cloudevents.IsUndelivered(result) && !(cloudevents.ResultAs(result, &answer) && line.Status != 0) {
		return result
	}
	return nil
}

// All events that are events to the SDK, in one request; each of the others is a line with its error.
func sendBatch(table []entry, url string) {
	line := sent{URL: url, Mode: "batched"}
	var events []cloudevents.Event
	for _, entry := range table {
		event, err := eventOf(entry)
		if err == nil {
			err = event.Validate()
		}
		if err != nil {
			say(sent{URL: url, Mode: "batched", IDs: []string{entry.id()}, Error: err.Error()})
			continue
		}
		events = append(events, event)
		line.IDs = append(line.IDs, entry.id())
	}
	request, err := cehttp.NewHTTPRequestFromEvents(context.Background(), url, events)
	if err == nil {
		_, err = remembering{&line}.RoundTrip(request)
	}
	if err != nil {
		line.Error = err.Error()
	}
	say(line)
}

func eventOf(entry entry) (cloudevents.Event, error) {
	event := cloudevents.NewEvent()
	var contentType string
	for name, raw := range entry.Event {
		if name == "data" || name == "data_base64" || name == "specversion" {
			continue
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			return event, err
		}
		text, _ := value.(string)
		switch name {
		case "id":
			event.SetID(text)
		case "source":
			event.SetSource(text)
		case "type":
			event.SetType(text)
		case "subject":
			event.SetSubject(text)
		case "dataschema":
			event.SetDataSchema(text)
		case "datacontenttype":
			contentType = text
			event.SetDataContentType(text)
		case "time":
			at, err := time.Parse(time.RFC3339Nano, text)
			if err != nil {
				return event, err
			}
			event.SetTime(at)
		default:
			value, err := native(entry.Types[name], raw, value)
			if err != nil {
				return event, err
			}
			event.SetExtension(name, value)
		}
	}
	return event, setData(&event, entry, contentType)
}

func native(kind string, raw json.RawMessage, value any) (any, error) {
	switch kind {
	case "binary":
		var bytes []byte
		err := json.Unmarshal(raw, &bytes)
		return bytes, err
	case "timestamp":
		return types.ToTime(value)
	case "uri":
		return types.ToURL(value)
	default:
		return value, nil
	}
}

func setData(event *cloudevents.Event, entry entry, contentType string) error {
	if raw, ok := entry.Event["data_base64"]; ok {
		var bytes []byte
		if err := json.Unmarshal(raw, &bytes); err != nil {
			return err
		}
		return event.SetData(contentType, bytes)
	}
	raw, ok := entry.Event["data"]
	if !ok {
		return nil
	}
	var text string
	isJSON := contentType == "" || strings.Contains(strings.ToLower(contentType), "json")
	if isJSON || json.Unmarshal(raw, &text) != nil {
		return event.SetData(contentType, raw)
	}
	if strings.HasPrefix(contentType, "text/plain") {
		return event.SetData(contentType, text)
	}
	// The SDK has no way to say that bytes are text but this; its codec would wrap a string in XML.
	if err := event.SetData(contentType, []byte(text)); err != nil {
		return err
	}
	event.DataBase64 = false
	return nil
}
