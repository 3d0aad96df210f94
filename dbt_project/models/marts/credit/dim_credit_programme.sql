select
    programme.code as credit_programme_code,
    programme.short as short_name,
    programme.name_vi,
    programme.name_en,
    programme.for_class as entitled_class_codes,
    ceiling.ceiling_vnd,
    rate.annual_rate_percent as annual_rate,
    programme.valid_from,
    programme.valid_to,
    programme.legal_source,
    programme.is_verified,
    programme.source_note
from {{ ref('credit_programme') }} as programme
left join {{ ref('credit_ceiling') }} as ceiling
    on
        programme.code = ceiling.credit_programme_code
        and {{ in_force('ceiling', as_of()) }}
left join {{ ref('credit_rate') }} as rate
    on
        programme.code = rate.credit_programme_code
        and {{ in_force('rate', as_of()) }}
