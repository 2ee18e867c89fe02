// Package ecs stands for Traefik's provider of the same name: it reads containers of AWS, whose client is a fifth of the
// build.
package ecs

import (
	"errors"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// Provider finds nothing.
type Provider struct{}

// SetDefaults has none to set.
func (p *Provider) SetDefaults() {}

// Init refuses a configuration that asks for it.
func (p *Provider) Init() error {
	return errors.New("the ECS provider is not built into the embedded cluster's gateway")
}

// Provide provides nothing.
func (p *Provider) Provide(_ chan<- dynamic.Message, _ *safe.Pool) error {
	return nil
}
