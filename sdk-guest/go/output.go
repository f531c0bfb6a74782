package tidegate

// Output is what a transform answers about one event: a [Draft], [Drafts] or a [Verdict].
type Output interface {
	// settle keeps, of the rows written since there were `first`, the ones that are meant.
	settle(d *drafts, e Event, first int) Verdict
}

// Drafts are events out, in this order; none drops the event without a reason.
type Drafts []Draft

func (v Verdict) settle(d *drafts, e Event, first int) Verdict {
	d.truncate(first)
	if v.code == codeKeep {
		e.Patch()
	}
	return v
}

func (draft Draft) settle(d *drafts, _ Event, first int) Verdict {
	if int(draft.place.row) == first && d.rows() == first+1 {
		return Keep()
	}
	d.retain(first, Drafts{draft})
	return Keep()
}

func (all Drafts) settle(d *drafts, _ Event, first int) Verdict {
	inOrder := d.rows() == first+len(all)
	for i, draft := range all {
		inOrder = inOrder && int(draft.place.row) == first+i
	}
	if !inOrder {
		d.retain(first, all)
	}
	if len(all) == 0 {
		return Drop("")
	}
	return Keep()
}
