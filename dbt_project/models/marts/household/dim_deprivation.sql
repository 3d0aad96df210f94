with standard as (
    select distinct
        code,
        legal_source
    from {{ ref('poverty_standard') }}
)

select
    deprivation.standard_code,
    deprivation.code as deprivation_code,
    deprivation.number as form_number,
    deprivation.dimension as dimension_code,
    deprivation.name_vi,
    deprivation.name_en,
    standard.legal_source
from {{ ref('deprivation') }} as deprivation
inner join standard on deprivation.standard_code = standard.code
