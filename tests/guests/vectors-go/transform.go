//go:build transform

package main

import "tidegate.dev/tidegate"

func init() { tidegate.Transform(transform, everything) }

func transform(e tidegate.Event) tidegate.Output {
	switch do, _ := e.ExtensionString("make"); do {
	case "copy":
		return e.Copy().SetType("copied").SetText("text: ü").SetExtension("hash", tidegate.String(hash(e))).RemoveExtension("gone")
	case "derive":
		return derive(e)
	case "split":
		return tidegate.Drafts{
			e.Patch().SetID(e.ID() + "-a"),
			e.Patch().SetData(tidegate.BinaryForm, []byte{0}, e.Data()),
			e.Patch().RemoveData(),
		}
	case "all":
		return e.Patch().SetSource("/all").SetType("all").SetSubject("").SetTime("2026-01-31T08:00:00Z").
			SetDataContentType("text/plain").SetDataSchema("https://example.com/s").SetText(hash(e))
	case "unused":
		e.Patch().SetID(e.ID() + "-x")
		return e.Patch().SetID(e.ID() + "-y")
	case "drop":
		return tidegate.Drop(hash(e))
	case "reject":
		return tidegate.Reject(hash(e))
	case "retry":
		return tidegate.Retry(hash(e))
	default:
		return patch(e)
	}
}

func patch(e tidegate.Event) tidegate.Output {
	h := hash(e)
	draft := e.Patch().
		SetSubject("vector").
		SetExtension("hash", tidegate.String(h)).
		SetExtension("flag", tidegate.Boolean(true)).
		SetExtension("bin", tidegate.Binary([]byte{0x00, 0xff, 0x41})).
		SetExtension("link", tidegate.URI("https://example.com/v")).
		SetExtension("ref", tidegate.URIRef("/v")).
		SetExtension("at", tidegate.Timestamp("2026-01-31T08:00:00Z"))
	if value, ok := e.Extension("n"); ok {
		if n, ok := value.Integer(); ok {
			draft.SetExtension("n", tidegate.Integer(n+1))
		}
	}
	return draft.RemoveExtension("gone").SetKey(e.ID()).SetHeader("x-hash", h)
}

func derive(e tidegate.Event) tidegate.Output {
	h := hash(e)
	draft := e.Derive(e.ID()+"-d", "/derived", "derived").SetSubject(h).SetExtension("hash", tidegate.String(h))
	draft, err := draft.SetJSON(map[string]string{"id": e.ID()})
	if err != nil {
		return tidegate.Reject(err.Error())
	}
	return draft
}
