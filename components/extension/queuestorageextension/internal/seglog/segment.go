// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// A segment begins with a header, little-endian: magic, version, seed, and the
// checksum of these three.
const (
	segmentHeaderSize = 20
	version           = 1
)

var magic = [8]byte{'o', 't', 'e', 'l', 'q', 'l', 'o', 'g'}

// errHeader is returned if the header of a segment is damaged. Its records may
// still be readable, since the name of the file contains the seed too.
var errHeader = errors.New("the header of the segment is damaged")

// versionError is returned for an undamaged header of an unknown format
// version.
type versionError uint32

func (e versionError) Error() string {
	return fmt.Sprintf("it has the format of version %d, and this program reads version %d", uint32(e), version)
}

// segment is a file of the log.
type segment struct {
	number uint32
	seed   uint32
	size   int64 // bytes of complete batches
	live   int64 // bytes of the live records
}

func (s *segment) name() string {
	return fmt.Sprintf("%010d-%08x.log", s.number, s.seed)
}

func (s *segment) path(folder string) string {
	return filepath.Join(folder, s.name())
}

// listSegments returns the segments of a folder in the order of their numbers,
// with the sizes of their files.
func listSegments(folder string) ([]*segment, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var segments []*segment
	for _, entry := range entries {
		s := &segment{}
		if n, _ := fmt.Sscanf(entry.Name(), "%d-%x.log", &s.number, &s.seed); n != 2 || s.name() != entry.Name() || !entry.Type().IsRegular() {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		s.size = info.Size()
		segments = append(segments, s)
	}
	slices.SortFunc(segments, func(a, b *segment) int { return cmp.Compare(a.number, b.number) })
	return segments, nil
}

// createSegment creates the file of a new segment. If it fails, it leaves no
// file.
func createSegment(folder string, number uint32) (*segment, *os.File, error) {
	s := &segment{number: number, seed: rand.Uint32(), size: segmentHeaderSize}
	file, err := os.OpenFile(s.path(folder), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, err
	}
	if _, err := file.WriteAt(segmentHeader(version, s.seed), 0); err != nil {
		return nil, nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	return s, file, nil
}

func segmentHeader(formatVersion, seed uint32) []byte {
	header := make([]byte, 0, segmentHeaderSize)
	header = append(header, magic[:]...)
	header = binary.LittleEndian.AppendUint32(header, formatVersion)
	header = binary.LittleEndian.AppendUint32(header, seed)
	return binary.LittleEndian.AppendUint32(header, crc32.Checksum(header, castagnoli))
}

// checkHeader returns errHeader, a versionError, or a read error.
func checkHeader(file io.ReaderAt, seed uint32) error {
	var header [segmentHeaderSize]byte
	if _, err := file.ReadAt(header[:], 0); err != nil {
		return err
	}
	sum := crc32.Checksum(header[:segmentHeaderSize-4], castagnoli)
	found := binary.LittleEndian.Uint32(header[8:])
	switch {
	case [8]byte(header[:8]) != magic || binary.LittleEndian.Uint32(header[16:]) != sum:
		return errHeader
	case found != version:
		return versionError(found)
	case binary.LittleEndian.Uint32(header[12:]) != seed:
		return errHeader
	}
	return nil
}
