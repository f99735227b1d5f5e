// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpwire // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/otlpwire"

// Limit is how much a request may have.
type Limit struct {
	Size    int  // 0 is no limit
	Items   bool // the size is a number of items; else of bytes
	Smaller int  // by how much the first request has to be smaller
}

// Part is a request that was cut off another one.
type Part struct {
	Body  []byte
	Items int
}

// tally adds up what the items of a request take.
type tally struct {
	limit   Limit
	items   int
	size    int
	charged int // containers of the path that are in the size
}

// cost is what one more item adds to a request.
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

// left notes that the containers below a depth have ended.
func (t *tally) left(depth int) { t.charged = min(t.charged, depth) }

// Fill returns how many of the first items of the set make a request within the
// limit: at least one, where there is one.
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

// Cut returns requests that have the items of the pieces in their order and stay
// within the limit. The first one has no items where not even one fits. An item
// that is larger than the limit is a request by itself. The containers around the
// items are repeated in each request; once that has taken as many bytes as the pieces
// have, the rest is one request of any size, to bound the memory.
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
