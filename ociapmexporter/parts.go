// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.uber.org/zap"
)

const (
	// probes is how many items, each by itself, APM must refuse of a part that it
	// cannot read, and accept none, until the rest of the part is dropped. It is
	// what a request costs more where APM refuses everything.
	probes = 4
	// maxRefusals is how often the parts of a request may be refused with 400 until
	// those still in search are dropped: the requests behind it wait meanwhile. It
	// takes about 130 uploads, and finds seven items spread over a thousand.
	maxRefusals = 64
	// maxNamed is how many of the dropped parts of a request the log tells of.
	maxNamed = 8
)

// push uploads a request. One that is too large for APM is halved until its parts
// are not. One that APM cannot read is searched for the items that are to blame: a
// request has the items of many apps, and APM refuses all of them for one.
func (u *uploader[T]) push(ctx context.Context, req xexporterhelper.Request) error {
	r, ok := req.(*request[T])
	if !ok {
		return consumererror.NewPermanent(errForeignRequest)
	}
	err := u.pushWhole(ctx, r)
	switch {
	case divisible(r, err):
		return u.pushParts(ctx, r, err)
	case errors.Is(err, errUnreadable):
		u.dropped(ctx, r, http.StatusBadRequest, err)
	}
	return err
}

// divisible says whether parts of a request may be accepted that was refused with
// the error.
func divisible[T any](r *request[T], err error) bool {
	return r.items > 1 && (errors.Is(err, errUnreadable) || errors.Is(err, errTooLarge))
}

// pushParts uploads a request in parts that was refused as a whole. What becomes of
// it depends on its own items only, not on the requests before it.
func (u *uploader[T]) pushParts(ctx context.Context, r *request[T], err error) error {
	s := search[T]{
		uploader: u,
		refused:  []refusedPart[T]{{request: r, err: err, suspect: true}},
		held:     &request[T]{signal: u.signal},
	}
	for len(s.refused) > 0 {
		part := s.refused[0]
		s.refused = s.refused[1:]
		s.divide(ctx, part)
	}
	if s.droppedItems == r.items {
		if !errors.Is(err, errUnreadable) {
			err = consumererror.NewPermanent(errors.Join(s.dropped...))
		}
		if errors.Is(err, errUnreadable) {
			u.health.failed(strconv.Itoa(http.StatusBadRequest), err)
		}
		return err
	}
	if s.droppedItems > 0 {
		// The caller is told of what is held, or of success. What was dropped
		// beside it is said here.
		u.logger.Error("OCI APM refused a part of a request that was split: it is dropped",
			zap.Int("dropped_items", s.droppedItems), zap.Errors("errors", s.dropped))
	}
	if s.heldBy != nil {
		return u.heldError(s.held, s.heldBy)
	}
	return nil
}

// heldError says that a part of a request is to be sent again: to exporterhelper,
// and in the words of the pipeline to a caller that waits.
func (u *uploader[T]) heldError(held *request[T], why error) error {
	data, err := held.data()
	if err != nil {
		return consumererror.NewPermanent(errors.Join(why, err))
	}
	return &heldError[T]{cause: u.signal.failed(why, data), request: held}
}

// search uploads the parts of a request, the larger ones first: where it ends before
// all is found, it has saved the most.
type search[T any] struct {
	uploader *uploader[T]
	refused  []refusedPart[T] // to be divided
	refusals int              // with 400

	held         *request[T] // to be sent again
	heldBy       error       // the first reason; ends the search for what is unreadable
	dropped      []error     // the first maxNamed
	droppedItems int
}

// refusedPart is a part of several items that was uploaded and refused.
type refusedPart[T any] struct {
	request *request[T]
	err     error
	// suspect says that the other half was not accepted either: all of both may be
	// what APM cannot read.
	suspect bool
}

// upload makes one upload of a part, and notes what becomes of it unless it is
// divisible.
func (s *search[T]) upload(ctx context.Context, part *request[T]) error {
	err := s.uploader.pushWhole(ctx, part)
	if errors.Is(err, errUnreadable) {
		s.refusals++
	}
	switch {
	case err == nil, divisible(part, err):
	case errors.Is(err, errUnreadable):
		s.dropUnreadable(ctx, part, err)
	case consumererror.IsPermanent(err):
		s.drop(part, err)
	default:
		s.hold(part, err)
	}
	return err
}

// divide uploads the parts of a part.
func (s *search[T]) divide(ctx context.Context, part refusedPart[T]) {
	switch {
	case errors.Is(part.err, errTooLarge):
		s.halve(ctx, part.request)
	case s.heldBy != nil:
		s.uploader.countUpload(ctx, outcomeHeld, statusCode(http.StatusBadRequest))
		s.hold(part.request, s.heldBy)
	case s.refusals >= maxRefusals:
		s.dropUnreadable(ctx, part.request, part.err)
	case part.suspect || part.request.items <= probes:
		s.probe(ctx, part)
	default:
		s.uploader.countSplit(ctx, http.StatusBadRequest)
		s.halve(ctx, part.request)
	}
}

// probe uploads items of a part that APM cannot read, each by itself, until it
// accepts one. Then the others are halved; where it accepts none, they are dropped.
func (s *search[T]) probe(ctx context.Context, part refusedPart[T]) {
	items, rest, err := part.request.sample(probes)
	if err != nil {
		s.dropUnreadable(ctx, part.request, consumererror.NewPermanent(err))
		return
	}
	tried, accepted := 0, false
	for tried < len(items) && s.heldBy == nil && (!accepted || rest.items == 0) {
		accepted = s.upload(ctx, items[tried]) == nil || accepted
		tried++
	}
	for _, item := range items[tried:] {
		rest.merge(item)
	}
	if rest.items > 0 && !accepted && s.heldBy == nil {
		s.dropUnreadable(ctx, rest, part.err)
		return
	}
	s.uploader.countSplit(ctx, http.StatusBadRequest)
	switch {
	case rest.items == 0:
	case s.heldBy != nil:
		s.hold(rest, s.heldBy)
	default:
		s.halve(ctx, rest)
	}
}

// halve uploads the halves of a part.
func (s *search[T]) halve(ctx context.Context, part *request[T]) {
	first, second, err := part.halves()
	if err != nil {
		s.drop(part, consumererror.NewPermanent(err))
		return
	}
	halves := [...]*request[T]{first, second}
	var errs [len(halves)]error
	for i, half := range halves {
		if half.items > 0 {
			errs[i] = s.upload(ctx, half)
		}
	}
	for i, half := range halves {
		if divisible(half, errs[i]) {
			s.refused = append(s.refused, refusedPart[T]{request: half, err: errs[i], suspect: errs[0] != nil && errs[1] != nil})
		}
	}
}

// hold notes a part that is sent again.
func (s *search[T]) hold(part *request[T], why error) {
	s.held.merge(part)
	if s.heldBy == nil {
		s.heldBy = why
	}
}

// dropUnreadable counts and notes what APM cannot read.
func (s *search[T]) dropUnreadable(ctx context.Context, part *request[T], err error) {
	s.uploader.countDropped(ctx, part, http.StatusBadRequest)
	s.drop(part, err)
}

// drop notes a part that is not sent again.
func (s *search[T]) drop(part *request[T], err error) {
	s.droppedItems += part.items
	if len(s.dropped) < maxNamed {
		s.dropped = append(s.dropped, err)
	}
}
