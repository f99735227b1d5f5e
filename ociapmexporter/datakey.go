// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
)

// maxDataKeyFileBytes is far above the length of a data key: a larger file does not
// hold one.
const maxDataKeyFileBytes = 16 * 1024

// errDataKeyFile is wrapped by the error of an upload that has no key.
var errDataKeyFile = errors.New("no data key")

// dataKeySource provides the data key for the next upload.
type dataKeySource interface {
	// dataKey returns the key, ready for the header. An error says what to do
	// and does not show the key.
	dataKey() (string, error)
	// reload reads the key again, after APM has rejected it, and returns it.
	reload() (string, error)
}

// newDataKeySource returns the source of a key, or of the file that holds it. It
// calls changed when a key replaces another.
func newDataKeySource(key, file string, changed func()) (dataKeySource, error) {
	if file != "" {
		return &dataKeyFile{path: file, changed: changed}, nil
	}
	key, err := endpoint.CleanDataKey(key)
	if err != nil {
		return nil, fmt.Errorf("data_key: %w", err)
	}
	return staticDataKey(key), nil
}

type staticDataKey string

func (k staticDataKey) dataKey() (string, error) { return string(k), nil }
func (k staticDataKey) reload() (string, error)  { return string(k), nil }

// dataKeyFile reads the key from a file, and again when the file has changed. It calls
// stat before each upload, which costs nothing compared with the upload. This notices
// both a rename and the symlink that Kubernetes swaps; a watcher could miss either.
type dataKeyFile struct {
	path    string
	changed func()

	mu   sync.Mutex
	key  string
	info fs.FileInfo // of the file that key was read from
}

func (f *dataKeyFile) dataKey() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err == nil && f.info != nil && os.SameFile(f.info, info) &&
		f.info.ModTime().Equal(info.ModTime()) && f.info.Size() == info.Size() {
		return f.key, nil
	}
	return f.read(info)
}

func (f *dataKeyFile) reload() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		info = nil
	}
	return f.read(info)
}

// read replaces the key with the one in the file. The caller got info before the file is
// read, so that a change in between is noticed the next time.
func (f *dataKeyFile) read(info fs.FileInfo) (string, error) {
	key, err := readDataKeyFile(f.path)
	if err != nil {
		if f.key != "" {
			// A file that is being replaced may be missing or empty for a moment.
			// The last good key is the best guess until then.
			return f.key, nil
		}
		return "", fmt.Errorf("%w: %w", errDataKeyFile, err)
	}
	if f.key != "" && key != f.key {
		f.changed()
	}
	f.key, f.info = key, info
	return key, nil
}

// readDataKeyFile returns the key in the file, without the white space around
// it: most tools that write such a file end it with a newline.
func readDataKeyFile(path string) (string, error) {
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("data_key_file: %s does not exist; write the domain's data key into it, or correct the path; a key itself goes into data_key", shownPath(path))
		}
		return "", fmt.Errorf("data_key_file: %s: %w; the collector's user must be able to read it", shownPath(path), withoutPath(err))
	}
	defer file.Close()

	content, err := io.ReadAll(io.LimitReader(file, maxDataKeyFileBytes+1))
	if err != nil {
		return "", fmt.Errorf("data_key_file: %s: %w; the collector's user must be able to read it", shownPath(path), withoutPath(err))
	}
	if len(content) > maxDataKeyFileBytes {
		return "", fmt.Errorf("data_key_file: %s is too large to be a data key; it must hold the key and nothing else", path)
	}
	key, err := endpoint.CleanDataKey(string(content))
	if err != nil {
		return "", fmt.Errorf("data_key_file: %s: %w", path, err)
	}
	return key, nil
}

// shownPath returns the path for an error message if its folder exists. Anything else
// may be the key itself, written into the wrong field.
func shownPath(path string) string {
	folder := filepath.Dir(path)
	if folder != "." && folder != string(filepath.Separator) {
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			return path
		}
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return "the file"
}

// withoutPath returns the cause of an error of os without the path.
func withoutPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
