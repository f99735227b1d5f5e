// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/otlpwire"
)

const (
	// probes is how many items of an unreadable part are uploaded one by one. If APM
	// refuses them all, the rest of the part is dropped. If APM refuses all data, each
	// request costs this many uploads more.
	probes = 4
	// maxRefusals is how often parts of one request may be refused. After that, the parts
	// that are still refused are dropped, since the next requests wait. This allows about
	// 130 uploads, enough to find seven bad items spread over a thousand.
	maxRefusals = 64
	// maxNamed is how many of the dropped parts of a request are logged.
	maxNamed = 8
)

// partUploader makes the uploads of a splitter.
type partUploader[T any] interface {
	// uploadOnce makes one upload. It returns how many items APM rejected of an upload
	// that it accepted. After an error that is not a refusal, the upload is retried.
	uploadOnce(ctx context.Context, part *request[T]) (rejected int, err error)
	// control makes an empty upload. It returns why refused data is retained for
	// retry, or nil if the data is the cause of the refusal.
	control(ctx context.Context, refused error) error
	// interrupted returns why nothing must be uploaded now, or nil.
	interrupted(ctx context.Context) error
}

// splitter uploads a request, and splits it if APM refuses it. A part is a set of the
// request's items, which is encoded only for its upload. The splitter stops at the first
// part that has to be retried. The rest is retained for retry together with it.
type splitter[T any] struct {
	uploader partUploader[T]
	report   *reporter
	pace     *pace
	source   *request[T]

	uploads  int           // so far
	refused  []refusedPart // to be divided further
	refusals int           // of unreadable parts

	retry       otlpwire.Set // retained for retry
	retryReason error        // why; set by the first such part

	suspects  []refusedPart // dropped by finish if the control is accepted
	dropped   []error       // why, for the first maxNamed parts
	lost      int           // items that were dropped, or rejected in a partial success
	delivered int           // items that APM has accepted
}

// refusedPart is a part that was uploaded and refused.
type refusedPart struct {
	items otlpwire.Set
	err   error
	// suspect reports whether the other half was refused too: every item of both may
	// be unreadable.
	suspect bool
}

// send uploads the request. It returns what exporterhelper acts upon, as push does.
func (s *splitter[T]) send(ctx context.Context) error {
	rest := otlpwire.All(s.source.items)
	for len(rest) > 0 && s.retryReason == nil {
		var part otlpwire.Set
		part, rest = s.next(rest)
		err := s.upload(ctx, part)
		if isRefusal(err) {
			s.search(ctx, refusedPart{items: part, err: err, suspect: true})
		}
		if s.retryReason != nil {
			s.keepForRetry(rest, s.retryReason)
		}
	}
	return s.finish(ctx)
}

// next cuts off the part to upload next: all of it, or less after time-outs.
func (s *splitter[T]) next(rest otlpwire.Set) (part, others otlpwire.Set) {
	limit := s.pace.size()
	if limit == 0 || s.source.size <= limit {
		return rest, nil
	}
	n, err := s.source.signal.layout.Fill(otlpwire.Limit{Size: limit}, rest, s.source.pieces...)
	if err != nil || n == 0 {
		return rest, nil // the upload will report what is wrong
	}
	return rest.Cut(n)
}

// upload makes one upload of a part. It returns an error if the part is refused or has to
// be retried. In the second case it has kept the part for retry.
func (s *splitter[T]) upload(ctx context.Context, part otlpwire.Set) error {
	if s.uploads > 0 {
		// Since the last part, the exporter may be shutting down, or APM may have asked
		// for a pause.
		if err := s.uploader.interrupted(ctx); err != nil {
			s.keepForRetry(part, err)
			return err
		}
	}
	s.uploads++
	var rejected int
	r, err := s.source.selection(part)
	if err != nil {
		err = fmt.Errorf("%w: %w", errUnreadable, err)
	} else {
		rejected, err = s.uploader.uploadOnce(ctx, r)
	}
	switch {
	case err == nil:
		s.delivered += part.Len() - rejected
		s.lost += rejected
	case errors.Is(err, errUnreadable):
		s.refusals++
	case !isRefusal(err):
		s.keepForRetry(part, err)
	}
	return err
}

// search divides a refused part until it has found the bad items. It divides the larger
// parts first, to deliver the most items if it has to stop early. The outcome for a
// request depends on its own items only, not on earlier requests.
func (s *splitter[T]) search(ctx context.Context, part refusedPart) {
	// If APM refuses an empty upload too, the data is not the cause.
	if err := s.control(ctx, part.err); err != nil {
		s.report.refusedUnknown(ctx, part.err)
		s.keepForRetry(part.items, err)
		return
	}
	s.refused = append(s.refused, part)
	for len(s.refused) > 0 {
		next := s.refused[0]
		s.refused = s.refused[1:]
		if s.retryReason != nil {
			s.report.refusedUnknown(ctx, next.err)
			s.keepForRetry(next.items, s.retryReason)
			continue
		}
		s.divide(ctx, next)
	}
}

// divide uploads a refused part in smaller parts.
func (s *splitter[T]) divide(ctx context.Context, part refusedPart) {
	switch items := part.items.Len(); {
	case items == 1:
		s.report.split(ctx, part.err)
		if err := s.upload(ctx, part.items); isRefusal(err) {
			s.suspect(part.items, err)
		}
	case errors.Is(part.err, errTooLarge):
		s.report.split(ctx, part.err)
		s.halve(ctx, part.items)
	case s.refusals >= maxRefusals:
		s.suspect(part.items, part.err)
	case part.suspect || items <= probes:
		s.probe(ctx, part)
	default:
		s.report.split(ctx, part.err)
		s.halve(ctx, part.items)
	}
}

// probe uploads single items of an unreadable part until APM accepts one. Then the rest
// of the part is halved. If APM accepts none, the rest becomes suspect.
func (s *splitter[T]) probe(ctx context.Context, part refusedPart) {
	places := sample(part.items.Len(), probes, s.source.size)
	var tried []int
	accepted := false
	for _, place := range places {
		if s.retryReason != nil || accepted && part.items.Len() > len(places) {
			break
		}
		tried = append(tried, place)
		item := part.items.At(place)
		err := s.upload(ctx, item)
		if isRefusal(err) {
			s.suspect(item, err)
		}
		accepted = accepted || err == nil
	}
	rest := part.items.Without(tried)
	if len(rest) > 0 && !accepted && s.retryReason == nil {
		s.suspect(rest, part.err)
		return
	}
	s.report.split(ctx, part.err)
	switch {
	case len(rest) == 0:
	case s.retryReason != nil:
		s.keepForRetry(rest, s.retryReason)
	default:
		s.halve(ctx, rest)
	}
}

// sample returns at most n ascending indexes below items: it divides the items into n
// ranges, and picks a pseudo-random index from each. So a run or a regular pattern of bad
// items fills the sample only if it fills most of the request. The same request always
// has the same sample.
func sample(items, n, seed int) []int {
	n = min(n, items)
	random := rand.New(rand.NewPCG(uint64(items), uint64(seed))) //nolint:gosec // no secret, and the counts are positive
	places := make([]int, 0, n)
	for i := range n {
		from, to := i*items/n, (i+1)*items/n
		places = append(places, from+random.IntN(to-from))
	}
	return places
}

// halve uploads the halves of a part.
func (s *splitter[T]) halve(ctx context.Context, part otlpwire.Set) {
	first, second := part.Cut(part.Len() / 2)
	halves := [...]otlpwire.Set{first, second}
	var errs [len(halves)]error
	for i, half := range halves {
		switch {
		case len(half) == 0:
		case s.retryReason != nil:
			s.keepForRetry(half, s.retryReason)
		default:
			errs[i] = s.upload(ctx, half)
		}
	}
	for i, half := range halves {
		switch {
		case !isRefusal(errs[i]):
		case half.Len() == 1:
			s.suspect(half, errs[i])
		default:
			s.refused = append(s.refused, refusedPart{items: half, err: errs[i], suspect: isRefusal(errs[0]) && isRefusal(errs[1])})
		}
	}
}

// keepForRetry records a part that is retained for retry.
func (s *splitter[T]) keepForRetry(part otlpwire.Set, why error) {
	s.retry = s.retry.With(part)
	if s.retryReason == nil {
		s.retryReason = why
	}
}

// suspect records a part that APM seems to refuse for its data.
func (s *splitter[T]) suspect(part otlpwire.Set, err error) {
	s.suspects = append(s.suspects, refusedPart{items: part, err: err})
}

// control makes an empty upload. It returns nil if APM accepts it: then the refusal is
// due to the data. Otherwise it returns why the refused data is retained for retry.
func (s *splitter[T]) control(ctx context.Context, refused error) error {
	if err := s.uploader.interrupted(ctx); err != nil {
		return err
	}
	return s.uploader.control(ctx, refused)
}

// finish drops the suspects, or retains them for retry if the control fails. It returns
// the error for exporterhelper, as push does.
func (s *splitter[T]) finish(ctx context.Context) error {
	if len(s.suspects) > 0 && s.retryReason == nil {
		// Meanwhile, APM may have begun to refuse everything.
		s.retryReason = s.control(ctx, s.suspects[0].err)
	}
	for _, part := range s.suspects {
		if s.retryReason != nil {
			s.report.refusedUnknown(ctx, part.err)
			s.keepForRetry(part.items, s.retryReason)
			continue
		}
		s.drop(ctx, part)
	}

	r := s.source
	delivered := r.delivered + s.delivered
	if len(s.dropped) > 0 && (delivered > 0 || len(s.retry) > 0) {
		// The error returned below, if any, is about the retried part. So the dropped
		// part is logged here.
		s.report.droppedPart(s.droppedItems(), s.dropped)
	}
	switch {
	case len(s.retry) > 0:
		return s.retryPart(delivered)
	case delivered == 0 && len(s.dropped) > 0:
		err := consumererror.NewPermanent(errors.Join(s.dropped...))
		s.report.droppedAll(s.dropped[0], err)
		return err
	}
	s.report.notSent(r.lost + s.lost)
	return nil
}

// retryPart returns the error that makes exporterhelper retry only a part of the request.
func (s *splitter[T]) retryPart(delivered int) error {
	rest, err := s.source.selection(s.retry)
	if err != nil || rest == s.source {
		return s.retryReason
	}
	rest.delivered = delivered
	rest.lost = s.source.lost + s.lost
	return &partialRetryError[T]{cause: s.retryReason, request: rest}
}

// drop counts and records a dropped part.
func (s *splitter[T]) drop(ctx context.Context, part refusedPart) {
	s.report.dropped(ctx, part.items.Len(), part.err)
	s.lost += part.items.Len()
	if len(s.dropped) == maxNamed {
		return
	}
	err := part.err
	if r, selectErr := s.source.selection(part.items); selectErr == nil && r.items == 1 {
		err = fmt.Errorf("%s: %w", r.describe(), err)
		if errors.Is(err, errTooLarge) {
			err = fmt.Errorf("%s takes %d bytes: %w", r.describe(), r.size, part.err)
		}
	}
	s.dropped = append(s.dropped, err)
}

func (s *splitter[T]) droppedItems() int {
	n := 0
	for _, part := range s.suspects {
		n += part.items.Len()
	}
	return n
}
