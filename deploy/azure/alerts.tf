# Watch on the VM and on what runs there; who is told is the action group of backups.tf, which has the watch on the backups.
locals {
  # With night_shutdown the VM is away every night, and a mail each time would soon be read by nobody.
  watched = var.night_shutdown == null

  # As somebody from outside asks, without a key: the API through the proxy, with its certificate and what maintenance says.
  web_tests = {
    up = {
      title = "the API doesn't answer, or its certificate ends"
      why   = "On the VM, docker compose ps and docker compose logs proxy say why; a certificate is renewed long before its last week."
      late  = false
    }
    maintenance = {
      title = "maintenance is late"
      why   = "Aggregates, retention or compression failed or stopped: on the VM, docker compose exec api tidemark status says which."
      late  = true
    }
  }

  log_alerts = {
    disk-full = {
      title     = "a disk is 90 % full"
      why       = "When the data disk is full, writes are refused: raise data_disk_gb, or shorten retention."
      query     = <<-END
        Perf
        | where ObjectName == "Logical Disk" and CounterName == "% Used Space" and InstanceName in ("/", "/srv/tidemark")
      END
      measure   = { column = "CounterValue", aggregation = "Maximum", threshold = 90 }
      dimension = "InstanceName"
    }
    unit-failed = {
      title     = "a unit failed"
      why       = "On the VM, systemctl --failed names it and journalctl -u NAME says why."
      query     = <<-END
        Syslog
        | where SyslogMessage startswith "Failed to start" and SyslogMessage contains "tidemark"
      END
      measure   = { column = null, aggregation = "Count", threshold = 0 }
      dimension = null
    }
  }
}

# --- From outside ----------------------------------------------------------------------------------------------------

resource "azurerm_monitor_metric_alert" "vm" {
  name                = "${var.name}-vm-down"
  description         = "The VM is down or stopped: az vm start --resource-group ${azurerm_resource_group.vm.name} --name ${var.name}"
  resource_group_name = azurerm_resource_group.base.name
  scopes              = [azurerm_linux_virtual_machine.this.id]
  severity            = 1
  frequency           = "PT5M"
  window_size         = "PT15M"
  enabled             = local.watched
  tags                = local.tags

  criteria {
    metric_namespace = "Microsoft.Compute/virtualMachines"
    metric_name      = "VmAvailabilityMetric"
    aggregation      = "Average"
    operator         = "LessThan"
    threshold        = 1
  }

  action {
    action_group_id = azurerm_monitor_action_group.administrators.id
  }
}

resource "azurerm_application_insights" "this" {
  name                = var.name
  resource_group_name = azurerm_resource_group.base.name
  location            = var.location
  application_type    = "web"
  workspace_id        = azurerm_log_analytics_workspace.backups.id
  tags                = local.tags
}

resource "azurerm_application_insights_standard_web_test" "this" {
  for_each = local.web_tests

  name                    = "${var.name}-${each.key}"
  resource_group_name     = azurerm_resource_group.base.name
  location                = var.location
  application_insights_id = azurerm_application_insights.this.id
  geo_locations           = ["emea-nl-ams-azr", "us-va-ash-azr", "apac-sg-sin-azr"]
  frequency               = each.value.late ? 900 : 300
  timeout                 = 30
  retry_enabled           = true
  enabled                 = local.watched
  tags                    = local.tags

  request {
    url = "https://${local.site}/api/health"
  }

  validation_rules {
    expected_status_code        = each.value.late ? 0 : 200
    ssl_check_enabled           = !each.value.late
    ssl_cert_remaining_lifetime = each.value.late ? null : 7

    dynamic "content" {
      for_each = each.value.late ? ["\"late\""] : []

      content {
        content_match      = content.value
        pass_if_text_found = false
      }
    }
  }
}

# One place alone may have trouble of its own.
resource "azurerm_monitor_metric_alert" "web" {
  for_each = local.web_tests

  name                = "${var.name}-${each.key}"
  description         = "Tidemark: ${each.value.title}. ${each.value.why}"
  resource_group_name = azurerm_resource_group.base.name
  scopes              = [azurerm_application_insights.this.id, azurerm_application_insights_standard_web_test.this[each.key].id]
  severity            = each.value.late ? 2 : 1
  frequency           = "PT5M"
  window_size         = each.value.late ? "PT30M" : "PT15M"
  enabled             = local.watched
  tags                = local.tags

  application_insights_web_test_location_availability_criteria {
    component_id          = azurerm_application_insights.this.id
    web_test_id           = azurerm_application_insights_standard_web_test.this[each.key].id
    failed_location_count = 2
  }

  action {
    action_group_id = azurerm_monitor_action_group.administrators.id
  }
}

# --- On the VM -------------------------------------------------------------------------------------------------------

resource "azurerm_virtual_machine_extension" "monitor" {
  name                       = "AzureMonitorLinuxAgent"
  virtual_machine_id         = azurerm_linux_virtual_machine.this.id
  publisher                  = "Microsoft.Azure.Monitor"
  type                       = "AzureMonitorLinuxAgent"
  type_handler_version       = "1.33"
  auto_upgrade_minor_version = true
  automatic_upgrade_enabled  = true
  tags                       = local.tags

  settings = jsonencode({
    authentication = {
      managedIdentity = { identifier-name = "mi_res_id", identifier-value = azurerm_user_assigned_identity.vm.id }
    }
  })
}

resource "azurerm_monitor_data_collection_rule" "vm" {
  name                = "${var.name}-vm"
  resource_group_name = azurerm_resource_group.base.name
  location            = var.location
  kind                = "Linux"
  tags                = local.tags

  destinations {
    log_analytics {
      name                  = "workspace"
      workspace_resource_id = azurerm_log_analytics_workspace.backups.id
    }
  }

  data_flow {
    streams      = ["Microsoft-Perf", "Microsoft-Syslog"]
    destinations = ["workspace"]
  }

  data_sources {
    performance_counter {
      name                          = "disks"
      streams                       = ["Microsoft-Perf"]
      sampling_frequency_in_seconds = 300
      counter_specifiers            = ["Logical Disk(*)\\% Used Space"]
    }

    # What systemd says about units that could not be started.
    syslog {
      name           = "units"
      streams        = ["Microsoft-Syslog"]
      facility_names = ["daemon"]
      log_levels     = ["Error", "Critical", "Alert", "Emergency"]
    }
  }
}

resource "azurerm_monitor_data_collection_rule_association" "vm" {
  name                    = "${var.name}-vm"
  target_resource_id      = azurerm_linux_virtual_machine.this.id
  data_collection_rule_id = azurerm_monitor_data_collection_rule.vm.id
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "vm" {
  for_each = local.log_alerts

  name                    = "${var.name}-${each.key}"
  display_name            = "Tidemark: ${each.value.title}"
  description             = each.value.why
  resource_group_name     = azurerm_resource_group.base.name
  location                = var.location
  scopes                  = [azurerm_log_analytics_workspace.backups.id]
  severity                = 1
  evaluation_frequency    = "PT15M"
  window_duration         = "PT30M"
  auto_mitigation_enabled = true
  skip_query_validation   = true
  tags                    = local.tags

  criteria {
    query                   = each.value.query
    metric_measure_column   = each.value.measure.column
    time_aggregation_method = each.value.measure.aggregation
    operator                = "GreaterThan"
    threshold               = each.value.measure.threshold

    dynamic "dimension" {
      for_each = compact([each.value.dimension])

      content {
        name     = dimension.value
        operator = "Include"
        values   = ["*"]
      }
    }
  }

  action {
    action_groups = [azurerm_monitor_action_group.administrators.id]
  }
}

# --- Locks -----------------------------------------------------------------------------------------------------------
# Against a deletion past Terraform, in the portal for example. Nobody deletes what is locked before the lock is gone.

resource "azurerm_management_lock" "kept" {
  for_each = { disk = azurerm_managed_disk.data.id, backups = azurerm_storage_account.backups.id }

  name       = "${var.name}-${each.key}"
  scope      = each.value
  lock_level = "CanNotDelete"
  notes      = "Holds Tidemark's readings. Terraform removes the lock with what it guards: see docs/deploy-azure.md, Clean up."
}
