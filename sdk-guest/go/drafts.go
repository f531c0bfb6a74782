package tidegate

import "slices"

// place is where a draft stands. Drafts point to places, which stay where they are while the rows move and grow; a pointer
// makes an [Output] of a draft without allocating.
type place struct{ row uint32 }

const placesInChunk = 256

// drafts is the batch that goes back: rows in one buffer, so that an output costs no allocation.
type drafts struct {
	bytes  []byte
	index  []uint32
	places []*[placesInChunk]place
	taken  int
}

func (d *drafts) begin() {
	d.bytes, d.index, d.taken = d.bytes[:0], d.index[:0], 0
}

func (d *drafts) rows() int { return len(d.index) / rowWords }

func (d *drafts) row(n uint32) *row {
	start := int(n) * rowWords
	return (*row)(d.index[start : start+rowWords])
}

func (d *drafts) push(r *row) Draft {
	if d.taken == len(d.places)*placesInChunk {
		d.places = append(d.places, new([placesInChunk]place))
	}
	taken := &d.places[d.taken/placesInChunk][d.taken%placesInChunk]
	d.taken++
	taken.row = uint32(d.rows())
	d.index = append(d.index, r[:]...)
	return Draft{taken}
}

func (d *drafts) truncate(rows int) {
	d.index = d.index[:rows*rowWords]
}

// retain keeps, of the rows from first on, these, in this order.
func (d *drafts) retain(first int, kept Drafts) {
	rows := make([]uint32, 0, len(kept)*rowWords)
	for _, draft := range kept {
		if int(draft.place.row) < first {
			panic("a draft of another event was returned")
		}
		rows = append(rows, d.row(draft.place.row)[:]...)
	}
	d.truncate(first)
	d.index = append(d.index, rows...)
}

func (d *drafts) begun(e Event, inherited uint32) Draft {
	var r row
	r[wordOrigin], r[wordInherit] = e.row[wordOrigin], inherited
	return d.push(&r)
}

// reserve makes room for one large value at its size: doubling would take a megabyte for each that is written.
func (d *drafts) reserve(size int) {
	if free := cap(d.bytes) - len(d.bytes); free < size {
		d.bytes = slices.Grow(d.bytes, size)
	}
}

func (d *drafts) set(row uint32, field int, value string) {
	d.reserve(len(value))
	start := len(d.bytes)
	d.bytes = append(d.bytes, value...)
	d.setSpan(row, field, start)
}

// setSpan says that the field is what was written from start on.
func (d *drafts) setSpan(row uint32, field, start int) {
	r := d.row(row)
	r[wordInherit] &^= 1 << field
	r[wordSpans+2*field] = uint32(start)
	r[wordSpans+2*field+1] = uint32(len(d.bytes) - start)
}

func (d *drafts) setFlags(row uint32, flags uint32) { d.row(row)[wordFlags] = flags }

func (d *drafts) setExtension(row uint32, name string, value Value) {
	r := d.row(row)
	isPatch := r[wordInherit]&(1<<fieldExtensions|inheritExtensionsChanged) != 0
	if !isPatch && value.kind == kindRemoved {
		// A draft that inherits nothing has all its extensions in its own run: removing is leaving out.
		d.without(row, fieldExtensions, name)
		return
	}
	d.put(row, fieldExtensions, name, value)
	if isPatch {
		r := d.row(row)
		r[wordInherit] |= 1<<fieldExtensions | inheritExtensionsChanged
	}
}

// put puts an entry at the end of a field's run, instead of an earlier one of that name.
func (d *drafts) put(row uint32, field int, name string, value Value) {
	d.without(row, field, name)
	start, _ := d.run(row, field)
	d.bytes = appendEntry(d.bytes, name, value)
	d.setSpan(row, field, start)
}

// without moves a field's run to the end of the bytes, if it is not there, and takes an entry out of it.
func (d *drafts) without(row uint32, field int, name string) {
	start, end := d.run(row, field)
	_, known := find(d.bytes[start:end], name)
	if end == len(d.bytes) && !known {
		return
	}
	moved := len(d.bytes)
	d.reserve(end - start)
	for e, rest, ok := cutEntry(d.bytes[start:end]); ok; e, rest, ok = cutEntry(rest) {
		if view(e.name) != name {
			d.bytes = append(d.bytes, e.whole...)
		}
	}
	d.setSpan(row, field, moved)
}

// run is where a field's run lies; at the end of the bytes, if it is empty.
func (d *drafts) run(row uint32, field int) (start, end int) {
	r := d.row(row)
	start = int(r[wordSpans+2*field])
	end = start + int(r[wordSpans+2*field+1])
	if start == end {
		return len(d.bytes), len(d.bytes)
	}
	return start, end
}

// Bytes between an event's values (separators of the message it came in) that are cheaper copied than stepped over.
const gapsMax = 256

// copied copies what an event holds: in one piece where its values lie together, else one by one.
func (d *drafts) copied(e Event) Draft {
	source, inherited := e.row, e.notCopied()
	var r row
	r[wordFlags] = source[wordFlags] & (flagHasData | flagForm)
	r[wordOrigin], r[wordInherit] = source[wordOrigin], inherited
	low, high, sum := uint64(1<<32), uint64(0), uint64(0)
	for field := range fieldCount {
		at, length := uint64(source[wordSpans+2*field]), uint64(source[wordSpans+2*field+1])
		if length > 0 && inherited&(1<<field) == 0 {
			low, high, sum = min(low, at), max(high, at+length), sum+length
		}
	}
	if low >= high || high > uint64(len(e.batch.bytes)) || high-low > sum+gapsMax {
		return d.copiedApart(e, &r)
	}
	d.reserve(int(high - low))
	base := uint32(len(d.bytes)) - uint32(low)
	d.bytes = append(d.bytes, e.batch.bytes[low:high]...)
	for field := range fieldCount {
		at, length := source[wordSpans+2*field], source[wordSpans+2*field+1]
		if length > 0 && inherited&(1<<field) == 0 {
			r[wordSpans+2*field], r[wordSpans+2*field+1] = at+base, length
		}
	}
	return d.push(&r)
}

// copiedApart copies values that lie far apart, or of which there are none.
func (d *drafts) copiedApart(e Event, r *row) Draft {
	draft := d.push(r)
	for field := range fieldCount {
		if r[wordInherit]&(1<<field) == 0 {
			d.set(draft.place.row, field, view(e.span(field, 0)))
		}
	}
	return draft
}

// notCopied is what a copy leaves to the host: context, of which a transform may only set a part, and what it was not given.
func (e Event) notCopied() uint32 {
	withheld := needs(e.row[wordFlags] >> flagWithheldShift)
	inherited := uint32(1 << fieldContext)
	if withheld&needAttributes != 0 {
		inherited |= 1<<fieldExtensions - 1
	}
	if withheld&needExtensions != 0 {
		inherited |= 1 << fieldExtensions
	}
	if withheld&needData != 0 {
		inherited |= 1 << fieldData
	}
	return inherited
}
