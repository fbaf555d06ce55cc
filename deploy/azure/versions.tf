terraform {
  required_version = ">= 1.11"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.2"
    }
  }

  # State lies in this folder until a backend is named: see backend.hcl.example.
}

# Who signs in is the Azure CLI's account (`az login`), or what the ARM_* variables say; nothing of it belongs in a file.
provider "azurerm" {
  subscription_id = var.subscription_id

  # A fresh subscription knows none of these, and the provider registers nothing by itself. Budgets' Microsoft.Consumption and locks'
  # Microsoft.Authorization are registered in every subscription.
  resource_providers_to_register = [
    "Microsoft.Compute",
    "Microsoft.DevTestLab",
    "Microsoft.Maintenance",
    "Microsoft.ManagedIdentity",
    "Microsoft.Network",
    "Microsoft.OperationalInsights",
    "Microsoft.Storage",
    # In lower case, as Azure names it: the provider compares with case and registers nothing at all for a name that it does not find.
    "microsoft.insights",
  ]

  storage_use_azuread = true

  features {
    resource_group {
      prevent_deletion_if_contains_resources = true
    }

    # The account of the backups lets nobody in but the VM's subnet, so its data can't be asked after from here.
    storage {
      data_plane_available = false
    }
  }
}
