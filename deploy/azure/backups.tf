# Backups off the VM: a container that the VM alone reaches, and an alert when nothing arrives there.
resource "azurerm_storage_account" "backups" {
  name                             = local.account
  resource_group_name              = azurerm_resource_group.base.name
  location                         = var.location
  account_tier                     = "Standard"
  account_replication_type         = var.backup_replication
  account_kind                     = "StorageV2"
  access_tier                      = "Cool"
  min_tls_version                  = "TLS1_2"
  https_traffic_only_enabled       = true
  shared_access_key_enabled        = false
  local_user_enabled               = false
  default_to_oauth_authentication  = true
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false
  tags                             = local.tags

  # Reached from the VM's subnet alone.
  network_rules {
    default_action             = "Deny"
    bypass                     = ["None"]
    virtual_network_subnet_ids = [azurerm_subnet.this.id]
  }

  # What the VM deletes or overwrites, by mistake or taken over, can be had back for a month.
  blob_properties {
    versioning_enabled = true

    delete_retention_policy {
      days = 30
    }

    container_delete_retention_policy {
      days = 30
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_storage_container" "backups" {
  name                  = local.container
  storage_account_id    = azurerm_storage_account.backups.id
  container_access_type = "private"
}

resource "azurerm_storage_management_policy" "backups" {
  storage_account_id = azurerm_storage_account.backups.id

  rule {
    name    = "expire"
    enabled = true

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["${local.container}/"]
    }

    actions {
      base_blob {
        delete_after_days_since_creation_greater_than = var.backup_days
      }
      version {
        delete_after_days_since_creation = var.backup_days
      }
    }
  }
}

# The container alone, not the account.
resource "azurerm_role_assignment" "backups" {
  scope                = azurerm_storage_container.backups.id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_user_assigned_identity.vm.principal_id
  principal_type       = "ServicePrincipal"
}

# --- Watch on the backups --------------------------------------------------------------------------------------------
# From outside the VM, and by what arrives: it also tells when the VM, its timer or its identity is gone.

resource "azurerm_log_analytics_workspace" "backups" {
  name                         = "${var.name}-backups"
  resource_group_name          = azurerm_resource_group.base.name
  location                     = var.location
  sku                          = "PerGB2018"
  retention_in_days            = 30
  local_authentication_enabled = false
  tags                         = local.tags
}

resource "azurerm_monitor_diagnostic_setting" "backups" {
  name                       = "writes"
  target_resource_id         = "${azurerm_storage_account.backups.id}/blobServices/default"
  log_analytics_workspace_id = azurerm_log_analytics_workspace.backups.id

  enabled_log {
    category = "StorageWrite"
  }
}

resource "azurerm_monitor_action_group" "administrators" {
  name                = "${var.name}-administrators"
  resource_group_name = azurerm_resource_group.base.name
  short_name          = "tidemark"
  tags                = local.tags

  dynamic "email_receiver" {
    for_each = toset(var.alert_emails)

    content {
      name                    = email_receiver.value
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "backups" {
  name                    = "${var.name}-no-backup"
  display_name            = "Tidemark: no backup for 30 hours"
  description             = "The nightly backup did not arrive in the container: on the VM, systemctl status tidemark-backup says why."
  resource_group_name     = azurerm_resource_group.base.name
  location                = var.location
  scopes                  = [azurerm_log_analytics_workspace.backups.id]
  severity                = 1
  evaluation_frequency    = "PT1H"
  window_duration         = "P2D"
  auto_mitigation_enabled = true
  tags                    = local.tags

  # The log has no table before its first line: the empty one makes that count as no backup, not as an error.
  skip_query_validation = true

  criteria {
    query                   = <<-END
      union isfuzzy=true StorageBlobLogs, (datatable(TimeGenerated: datetime, OperationName: string, StatusCode: string)[])
      | where TimeGenerated > ago(30h) and OperationName == "PutBlockList" and StatusCode == "201"
    END
    time_aggregation_method = "Count"
    operator                = "LessThan"
    threshold               = 1
  }

  action {
    action_groups = [azurerm_monitor_action_group.administrators.id]
  }
}
