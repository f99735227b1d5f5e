// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpwire // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/otlpwire"

// Limit is the largest size of a request.
type Limit struct {
	Size    int  // 0 is no limit
	Items   bool // Size and Smaller are in items, not in bytes
	Smaller int  // how much smaller the first request has to be
}

// Part is a request with some of the items of another one.
type Part struct {
	Body  []byte
	Items int
}

// tally adds up the size of a request.
type tally struct {
	limit   Limit
	items   int
	size    int
	charged int // how many containers of the path are included in size
}

// cost returns by how much one more item increases the size.
func (t *tally) cost(path []container, field []byte) int {
	if t.limit.Items {
		return 1
	}
	cost := len(field)
	for i := t.charged; i < len(path); i++ {
		cost += path[i].overhead()
	}
	return cost
}

// fits reports whether one more item of this cost stays within the limit.
func (t *tally) fits(cost int) bool {
	return t.limit.Size <= 0 || t.size+cost <= t.limit.Size-t.limit.Smaller
}

func (t *tally) add(cost, depth int) {
	t.items++
	t.size += cost
	t.charged = depth
}

// left records that the containers below a depth have ended.
func (t *tally) left(depth int) { t.charged = min(t.charged, depth) }

// Fill returns how many of the first items of the set fit into a request within the
// limit. It is at least one, unless the set is empty.
func (l Layout) Fill(limit Limit, set Set, pieces ...[]byte) (int, error) {
	t := tally{limit: limit}
	w := walker{layout: l, left: t.left}
	w.item = func(field []byte) bool {
		for len(set) > 0 && set[0].To <= w.index {
			set = set[1:]
		}
		if len(set) == 0 {
			return false
		}
		if set[0].From > w.index {
			return true
		}
		cost := t.cost(w.path, field)
		if t.items > 0 && !t.fits(cost) {
			return false
		}
		t.add(cost, len(w.path))
		return true
	}
	err := w.walk(pieces)
	return t.items, err
}

// Cut divides the items of the pieces, in their order, into requests within the limit.
// The first request is empty if limit.Smaller leaves no room for an item. An item that is
// larger than the limit becomes a separate request. The containers around the items are
// repeated in each request. Once the repeated bytes exceed the size of the pieces, all
// remaining items become one request of any size, to bound the memory.
func (l Layout) Cut(limit Limit, pieces ...[]byte) ([]Part, error) {
	var (
		parts    []Part
		out      writer
		repeated int
		allowed  int
	)
	for _, piece := range pieces {
		allowed += len(piece)
	}
	t := tally{limit: limit}
	w := walker{layout: l, left: func(depth int) { out.closeTo(depth); t.left(depth) }}
	finish := func() {
		parts = append(parts, Part{Body: out.finish(), Items: t.items})
		t = tally{limit: Limit{Size: limit.Size, Items: limit.Items}}
	}
	w.item = func(field []byte) bool {
		cost := t.cost(w.path, field)
		first := len(parts) == 0 && limit.Smaller > 0
		if (t.items > 0 || first) && !t.fits(cost) && repeated <= allowed {
			finish()
			for i := range w.path {
				repeated += w.path[i].overhead()
			}
			cost = t.cost(w.path, field)
		}
		t.add(cost, len(w.path))
		out.openTo(w.path)
		out.content = append(out.content, field...)
		return true
	}
	if err := w.walk(pieces); err != nil {
		return nil, err
	}
	if t.items > 0 || len(parts) == 0 {
		finish()
	}
	return parts, nil
}
