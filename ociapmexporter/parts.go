// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.uber.org/zap"
)

// maxRefusals is how often in a row both halves of a request may be refused until
// it is no item in them that APM cannot read: two, which takes seven uploads.
const maxRefusals = 2

// push uploads a request. One that is too large for APM is halved until its parts
// are not. One that APM cannot read is halved to find the items that are to blame:
// a request has the items of many apps, and APM refuses all of them for one.
func (u *uploader[T]) push(ctx context.Context, req xexporterhelper.Request) error {
	r, ok := req.(*request[T])
	if !ok {
		return consumererror.NewPermanent(errForeignRequest)
	}
	err := u.pushWhole(ctx, r)
	unreadable := errors.Is(err, errUnreadable)
	switch {
	case r.items <= 1 || !unreadable && !errors.Is(err, errTooLarge):
		return err
	case unreadable && u.readsNothing.Load():
		u.dropped(ctx, r, http.StatusBadRequest, err)
		return err
	}

	parts := partsOutcome[T]{held: &request[T]{signal: u.signal}}
	if unreadable {
		u.countUpload(ctx, outcomeSplit, statusCode(http.StatusBadRequest))
	}
	u.pushHalves(ctx, r, &parts, 0)
	if parts.droppedItems == r.items {
		if unreadable {
			u.readsNothing.Store(true)
			return err
		}
		return consumererror.NewPermanent(errors.Join(parts.dropped...))
	}
	if parts.droppedItems > 0 {
		// The caller is told of what is held, or of success. What was dropped
		// beside it is said here.
		u.logger.Error("OCI APM refused a part of a request that was split: it is dropped",
			zap.Int("dropped_items", parts.droppedItems), zap.Errors("errors", parts.dropped))
	}
	if parts.heldBy != nil {
		return u.heldError(parts.held, errors.Join(parts.heldBy...))
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

// partsOutcome is what became of the parts of a request that was split.
type partsOutcome[T any] struct {
	held         *request[T] // to be sent again
	heldBy       []error
	dropped      []error
	droppedItems int
}

// drop notes a part that is not sent again.
func (p *partsOutcome[T]) drop(part *request[T], err error) {
	p.dropped = append(p.dropped, err)
	p.droppedItems += part.items
}

// pushHalves uploads the two halves of a request that was refused. Refusals is how
// often in a row both halves of what it is a part of could not be read.
func (u *uploader[T]) pushHalves(ctx context.Context, r *request[T], parts *partsOutcome[T], refusals int) {
	u.telemetry.ExporterOciApmSplits.Add(ctx, 1, u.attributes)
	first, second, err := r.halves()
	if err != nil {
		parts.drop(r, consumererror.NewPermanent(err))
		return
	}
	halves := [...]*request[T]{first, second}
	var errs [len(halves)]error
	for i, half := range halves {
		errs[i] = u.pushWhole(ctx, half)
	}
	switch {
	case errs[0] == nil || errs[1] == nil:
		refusals = 0
	case errors.Is(errs[0], errUnreadable) && errors.Is(errs[1], errUnreadable):
		refusals++
	}
	for i, half := range halves {
		err := errs[i]
		switch {
		case err == nil:
		case errors.Is(err, errTooLarge) && half.items > 1:
			u.pushHalves(ctx, half, parts, refusals)
		case errors.Is(err, errUnreadable) && half.items > 1:
			if refusals < maxRefusals {
				u.countUpload(ctx, outcomeSplit, statusCode(http.StatusBadRequest))
				u.pushHalves(ctx, half, parts, refusals)
				continue
			}
			u.dropped(ctx, half, http.StatusBadRequest, err)
			parts.drop(half, err)
		case consumererror.IsPermanent(err):
			parts.drop(half, err)
		default:
			parts.heldBy = append(parts.heldBy, err)
			parts.held.merge(half)
		}
	}
}
